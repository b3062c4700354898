// SPDX-License-Identifier: Apache-2.0
//
// What the typed calls of control.proto mean in terms of the command table: the
// line that a request stands for, and the reply that an answer fills.
//
//   Dispatch(table, LineOf(request), caller, output, log);
//   AddRecord(fields, reply);  // For each `Output::Record`.

#ifndef BACKDOOR_CONTROL_CALLS_H_
#define BACKDOOR_CONTROL_CALLS_H_

#include <initializer_list>
#include <string>

#include "backdoor/command.h"
#include "backdoor/control.pb.h"
#include "google/protobuf/message.h"

namespace bergen::backdoor {

// Texts of the request are quoted, so that none can be more than an argument.
std::string LineOf(const v1::ProfileRequest& request);
std::string LineOf(const v1::ListThreadsRequest& request);
std::string LineOf(const v1::GetConfigRequest& request);
std::string LineOf(const v1::SetConfigRequest& request);
std::string LineOf(const v1::MutateConfigRequest& request);
std::string LineOf(const v1::LogLevelRequest& request);
std::string LineOf(const v1::ListTasksRequest& request);
// Empty if there is no such action.
std::string LineOf(const v1::ControlTaskRequest& request);
std::string LineOf(const v1::ReloadRequest& request);
std::string LineOf(const v1::GetReloadVerdictRequest& request);

// Sets the fields of these names: in a new entry if `reply` has a list, and
// else in `reply` itself. What the message does not know is left out; a field
// of another type is a bug and aborts.
void AddRecord(std::initializer_list<Field> fields,
               google::protobuf::Message& reply);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CONTROL_CALLS_H_
