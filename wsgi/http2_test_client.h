// SPDX-License-Identifier: Apache-2.0
//
// The other side of an HTTP/2 session, for tests: nghttp2's client, bytes in
// and out.

#ifndef WSGI_HTTP2_TEST_CLIENT_H_
#define WSGI_HTTP2_TEST_CLIENT_H_

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "wsgi/http2.h"

namespace bergen::wsgi {

// A client that nobody here wrote, with what it was told.
class Http2TestClient {
 public:
  // `reads`: makes room for more as a response arrives.
  explicit Http2TestClient(bool reads = true) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
           size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
           void* user) {
          absl::StrAppend(
              &static_cast<Http2TestClient*>(user)->heads[frame->hd.stream_id],
              absl::string_view(reinterpret_cast<const char*>(name), name_size),
              "=",
              absl::string_view(reinterpret_cast<const char*>(value),
                                value_size),
              ";");
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t id,
                      const uint8_t* data, size_t size, void* user) {
          static_cast<Http2TestClient*>(user)->bodies[id].append(
              reinterpret_cast<const char*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks,
        [](nghttp2_session*, int32_t id, uint32_t error, void* user) {
          static_cast<Http2TestClient*>(user)->closed[id] = error;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            static_cast<Http2TestClient*>(user)->goaways.emplace_back(
                frame->goaway.last_stream_id, frame->goaway.error_code);
          }
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    if (!reads) nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2TestClient() { nghttp2_session_del(session_); }
  Http2TestClient(const Http2TestClient&) = delete;
  Http2TestClient& operator=(const Http2TestClient&) = delete;

  // `body` null: none. It ends, or goes on with `Resume`.
  int32_t Send(const Http2Fields& fields, const std::string* body = nullptr,
               bool ends = true) {
    std::vector<nghttp2_nv> block = Block(fields);
    nghttp2_data_provider provider = {};
    if (body != nullptr) upload = *body;
    upload_ends = ends;
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* buffer,
                                size_t size, uint32_t* flags,
                                nghttp2_data_source*, void* user) -> ssize_t {
      auto& client = *static_cast<Http2TestClient*>(user);
      size = std::min(size, client.upload.size());
      memcpy(buffer, client.upload.data(), size);
      client.upload.erase(0, size);
      if (client.upload.empty() && client.upload_ends) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      } else if (size == 0) {
        return NGHTTP2_ERR_DEFERRED;
      }
      return static_cast<ssize_t>(size);
    };
    return nghttp2_submit_request(session_, nullptr, block.data(), block.size(),
                                  body == nullptr ? nullptr : &provider,
                                  nullptr);
  }
  int32_t Get(const std::string& path, Http2Fields more = {}) {
    Http2Fields fields = {{":method", "GET"},
                          {":scheme", "http"},
                          {":authority", "example.org"},
                          {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return Send(fields);
  }
  int32_t Post(const std::string& body, Http2Fields more = {},
               bool ends = true) {
    Http2Fields fields = {{":method", "POST"},
                          {":scheme", "http"},
                          {":authority", "example.org"},
                          {":path", "/"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return Send(fields, &body, ends);
  }
  // More of a body that did not end.
  void Resume(int32_t stream, const std::string& body, bool ends = true) {
    upload += body;
    upload_ends = ends;
    nghttp2_session_resume_data(session_, stream);
  }
  void Reset(int32_t stream) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream,
                              NGHTTP2_CANCEL);
  }
  void Ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

  std::string Output() {
    std::string out;
    const uint8_t* data = nullptr;
    for (;;) {
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      if (size <= 0) return out;
      out.append(reinterpret_cast<const char*>(data), size);
    }
  }
  void Input(absl::string_view bytes) {
    nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }

  std::string upload;
  bool upload_ends = true;
  std::map<int32_t, std::string> heads;
  std::map<int32_t, std::string> bodies;
  std::map<int32_t, uint32_t> closed;
  std::vector<std::pair<int32_t, uint32_t>> goaways;

 private:
  static std::vector<nghttp2_nv> Block(const Http2Fields& fields) {
    std::vector<nghttp2_nv> block;
    for (const auto& [name, value] : fields) {
      block.push_back(
          {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
           reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
           name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return block;
  }

  nghttp2_session* session_ = nullptr;
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_TEST_CLIENT_H_
