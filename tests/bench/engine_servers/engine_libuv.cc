// SPDX-License-Identifier: Apache-2.0

#include <uv.h>

#include "tests/bench/engine_servers/canned.h"

namespace bergen::bench {
namespace {

void OnClosed(uv_handle_t* handle) {
  delete reinterpret_cast<uv_tcp_t*>(handle);
}

void OnBuffer(uv_handle_t*, size_t, uv_buf_t* buffer) {
  static char storage[kReadSize];
  *buffer = uv_buf_init(storage, sizeof(storage));
}

void OnRead(uv_stream_t* peer, ssize_t size, const uv_buf_t* buffer) {
  if (size == 0) return;
  if (size > 0) {
    if (!EndsRequest(buffer->base, size)) return;
    uv_buf_t answer = uv_buf_init(const_cast<char*>(kAnswer), kAnswerSize);
    if (uv_try_write(peer, &answer, 1) > 0) return;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(peer), OnClosed);
}

void OnAccept(uv_stream_t* listener, int status) {
  if (status < 0) return;
  uv_tcp_t* peer = new uv_tcp_t;
  uv_tcp_init(listener->loop, peer);
  uv_stream_t* stream = reinterpret_cast<uv_stream_t*>(peer);
  if (uv_accept(listener, stream) != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(peer), OnClosed);
    return;
  }
  uv_tcp_nodelay(peer, 1);
  uv_read_start(stream, OnBuffer, OnRead);
}

}  // namespace
}  // namespace bergen::bench

int main() {
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  uv_tcp_open(&listener, bergen::bench::ListenAndSay());
  uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 512,
            bergen::bench::OnAccept);
  return uv_run(loop, UV_RUN_DEFAULT);
}
