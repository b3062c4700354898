// SPDX-License-Identifier: Apache-2.0

#include "backdoor/text_session.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::backdoor {
namespace {

constexpr char kPrompt[] = ">>> ";
constexpr char kFarewell[] = "now exiting InteractiveConsole...\n";

// Lines that may wait, in lengths of the longest.
constexpr size_t kBufferedLines = 4;

}  // namespace

TextSession::TextSession(const TextSessionOptions& options, absl::Time now)
    : options_(options), last_event_(now) {
  OnTime(now);
}

void TextSession::OnInput(absl::string_view bytes, absl::Time now) {
  if (ended_ || bytes.empty()) return;
  // Time first: a client that was silent until the deadline is a person, also
  // if we were late to notice.
  OnTime(now);
  if (client_ == Client::kUnknown) client_ = Client::kPipe;
  last_event_ = now;
  input_.append(bytes.data(), bytes.size());
  Advance();
}

void TextSession::OnEndOfInput(End end, absl::Time now) {
  if (end == End::kCut) {
    const size_t last = input_.rfind('\n');
    input_.erase(last == std::string::npos ? 0 : last + 1);
  }
  if (client_ == Client::kUnknown) client_ = Client::kPipe;
  last_event_ = now;
  ended_ = true;
  Advance();
}

void TextSession::OnTime(absl::Time now) {
  if (now < deadline()) return;
  if (client_ == Client::kUnknown) {
    client_ = Client::kPerson;
    last_event_ = now;
    output_ += options_.banner;
    Prompt();
    return;
  }
  ended_ = true;
  Advance();
}

void TextSession::OnResult(const absl::Status& result, bool line_open,
                           absl::Time now) {
  running_ = false;
  last_event_ = now;
  if (line_open) output_ += "\n";
  if (!result.ok()) {
    absl::StrAppend(&output_, result.message(), "\n");
  }
  Prompt();
  Advance();
}

void TextSession::OnStop() {
  ended_ = true;
  input_.clear();
  next_line_.reset();
  Advance();
}

std::optional<std::string> TextSession::TakeCommand() {
  if (running_ || !next_line_.has_value()) return std::nullopt;
  running_ = true;
  return std::exchange(next_line_, std::nullopt);
}

std::string TextSession::TakeOutput() { return std::exchange(output_, ""); }

bool TextSession::wants_input() const {
  return !ended_ && input_.size() < kBufferedLines * options_.max_line_length;
}

absl::Time TextSession::deadline() const {
  if (ended_ || running_ || next_line_.has_value()) {
    return absl::InfiniteFuture();
  }
  switch (client_) {
    case Client::kUnknown:
      return last_event_ + options_.banner_delay;
    case Client::kPerson:
      return last_event_ + options_.idle_timeout;
    case Client::kPipe:
      return last_event_ + options_.pipe_quiet;
  }
  return absl::InfiniteFuture();
}

void TextSession::Advance() {
  if (running_ || finished_) return;
  if (!next_line_.has_value()) next_line_ = CutLine();
  if (next_line_.has_value() || !ended_) return;
  finished_ = true;
  // On a line of its own, after the prompt.
  if (client_ == Client::kPerson) output_ += "\n";
  output_ += kFarewell;
}

std::optional<std::string> TextSession::CutLine() {
  while (true) {
    const size_t end = input_.find('\n');
    const bool whole = end != std::string::npos;
    std::string line = input_.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!skipping_ && line.size() > options_.max_line_length) {
      skipping_ = true;
      absl::StrAppend(&output_, "the line is longer than ",
                      options_.max_line_length, " bytes\n");
    }
    if (!whole && !ended_) {
      if (skipping_) input_.clear();
      return std::nullopt;
    }
    if (!whole && input_.empty() && !skipping_) return std::nullopt;
    input_.erase(0, whole ? end + 1 : end);
    if (!std::exchange(skipping_, false)) return line;
    Prompt();
  }
}

void TextSession::Prompt() {
  if (client_ == Client::kPerson) output_ += kPrompt;
}

}  // namespace bergen::backdoor
