// SPDX-License-Identifier: Apache-2.0

#include "backdoor/control_calls.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "backdoor/command_table.h"
#include "backdoor/utf8.h"
#include "google/protobuf/descriptor.h"

namespace bergen::backdoor {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Makes `name(a, b=c)`.
class LineBuilder {
 public:
  explicit LineBuilder(absl::string_view command) : command_(command) {}

  LineBuilder& Add(absl::string_view value) {
    arguments_.push_back(QuoteArgument(value));
    return *this;
  }
  LineBuilder& Add(absl::string_view name, absl::string_view value) {
    arguments_.push_back(absl::StrCat(name, "=", QuoteArgument(value)));
    return *this;
  }
  std::string Line() const {
    return absl::StrCat(command_, "(", absl::StrJoin(arguments_, ", "), ")");
  }

 private:
  const absl::string_view command_;
  std::vector<std::string> arguments_;
};

void Set(Message& message, const FieldDescriptor& field, const Value& value) {
  const Reflection& reflection = *message.GetReflection();
  const auto* text = std::get_if<std::string>(&value);
  const auto* number = std::get_if<int64_t>(&value);
  const auto* fraction = std::get_if<double>(&value);
  const auto* truth = std::get_if<bool>(&value);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (text == nullptr) break;
      reflection.SetString(&message, &field, ToValidUtf8(*text));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      if (number == nullptr) break;
      reflection.SetInt64(&message, &field, *number);
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      if (number == nullptr) break;
      reflection.SetUInt64(&message, &field, static_cast<uint64_t>(*number));
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (fraction == nullptr) break;
      reflection.SetDouble(&message, &field, *fraction);
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      if (truth == nullptr) break;
      reflection.SetBool(&message, &field, *truth);
      return;
    default:
      break;
  }
  std::fprintf(stderr, "backdoor: %s is recorded with another type\n",
               field.full_name().c_str());
  std::abort();
}

// The entry of the list that `reply` has, or `reply`.
Message& NewEntry(Message& reply) {
  const auto& type = *reply.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() &&
        field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return *reply.GetReflection()->AddMessage(&reply, &field);
    }
  }
  return reply;
}

}  // namespace

std::string LineOf(const v1::ProfileRequest& request) {
  LineBuilder line("prof");
  if (request.has_name()) line.Add("name", request.name());
  if (request.has_hz()) line.Add("hz", absl::StrCat(request.hz()));
  if (request.has_clock()) line.Add("clock", request.clock());
  if (request.has_seconds()) {
    line.Add("seconds", absl::StrCat(request.seconds()));
  }
  if (request.formats_size() > 0) {
    line.Add("formats", absl::StrJoin(request.formats(), ","));
  }
  if (request.has_mode()) line.Add("mode", request.mode());
  return line.Line();
}

std::string LineOf(const v1::ListThreadsRequest&) { return "pnt()"; }

std::string LineOf(const v1::GetConfigRequest& request) {
  return LineBuilder("config").Add(request.pattern()).Line();
}

std::string LineOf(const v1::SetConfigRequest& request) {
  return LineBuilder("config_set")
      .Add(request.name())
      .Add(request.value())
      .Line();
}

std::string LineOf(const v1::MutateConfigRequest& request) {
  return LineBuilder("mutate")
      .Add("dry_run", request.dry_run() ? "true" : "false")
      .Line();
}

std::string LineOf(const v1::LogLevelRequest& request) {
  LineBuilder line("log_level");
  if (request.has_level()) line.Add("level", request.level());
  if (request.has_logger()) line.Add("logger", request.logger());
  return line.Line();
}

std::string LineOf(const v1::ListTasksRequest&) { return "tasks()"; }

std::string LineOf(const v1::ControlTaskRequest& request) {
  switch (request.action()) {
    case v1::TASK_ACTION_RUN:
      return LineBuilder("run").Add(request.task()).Line();
    case v1::TASK_ACTION_PAUSE:
      return LineBuilder("pause").Add(request.task()).Line();
    case v1::TASK_ACTION_RESUME:
      return LineBuilder("resume").Add(request.task()).Line();
    default:
      return "";
  }
}

std::string LineOf(const v1::ReloadRequest&) { return "reload()"; }

std::string LineOf(const v1::GetReloadVerdictRequest& request) {
  return LineBuilder("reload_verdict")
      .Add(absl::StrCat(request.number()))
      .Line();
}

void AddRecord(std::initializer_list<Field> fields, Message& reply) {
  Message& entry = NewEntry(reply);
  for (const Field& field : fields) {
    const FieldDescriptor* descriptor =
        entry.GetDescriptor()->FindFieldByName(std::string(field.name));
    if (descriptor != nullptr) Set(entry, *descriptor, field.value);
  }
}

}  // namespace bergen::backdoor
