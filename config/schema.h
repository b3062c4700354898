// SPDX-License-Identifier: Apache-2.0
//
// What a program's configuration files may rely on, as a file that is checked
// in, and what a later version breaks of it.
//
//   absl::StatusOr<Schema> released = Schema::FromJson(text);
//   if (!released.ok()) return released.status();
//   for (const std::string& reason : released->BrokenBy(Schema::Of(listing)))
//   ...
//
// Source: none; oslo.config has no such file.

#ifndef CONFIG_SCHEMA_H_
#define CONFIG_SCHEMA_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/listing.h"

namespace bergen::config {

// A value.
class Schema {
 public:
  static Schema Of(const Listing& listing);

  // Reads what `ToJson` wrote. InvalidArgument says what is wrong with the
  // text.
  static absl::StatusOr<Schema> FromJson(absl::string_view text);

  // Sorted, one member a line, a newline at the end; equal for equal schemas.
  std::string ToJson() const;

  // Why configuration files that are good with this schema may not be with
  // `newer`, one line for each option and reason; empty if they are all still
  // good and mean the same. Broken by: an option that is gone, unless another
  // has its name as a deprecated one; another type; narrower bounds; stricter
  // rules of the type, or others about its form; fewer choices; another
  // default, except one that has a sample; a value that is required and was
  // not; a mutable option that no longer is; a deprecated name that is gone;
  // another meaning of `$`.
  std::vector<std::string> BrokenBy(const Schema& newer) const;

 private:
  using Name = std::pair<std::string, std::string>;  // Group, option.

  struct Item {
    std::string type;
    std::optional<std::string> default_text;
    std::optional<std::string> sample_default;
    std::optional<std::string> min;
    std::optional<std::string> max;
    std::vector<std::string> choices;
    std::vector<std::string> rules;
    std::vector<std::string> form;
    bool required = false;
    bool is_mutable = false;
    bool literal = false;
    std::vector<Name> deprecated_names;
  };

  static std::vector<std::string> Differences(const Item& before,
                                              const Item& after);

  std::map<Name, Item> items_;
};

}  // namespace bergen::config

#endif  // CONFIG_SCHEMA_H_
