// SPDX-License-Identifier: Apache-2.0

#include "config/entry.h"

#include "absl/strings/str_cat.h"
#include "config/source.h"

namespace bergen::config::internal {
namespace {

Origin::Kind ToOriginKind(SourceKind kind) {
  switch (kind) {
    case SourceKind::kFile:
      return Origin::Kind::kFile;
    case SourceKind::kEnvironment:
      return Origin::Kind::kEnvironment;
    case SourceKind::kCommandLine:
      return Origin::Kind::kCommandLine;
    case SourceKind::kOther:
      break;
  }
  return Origin::Kind::kOther;
}

}  // namespace

Wish Wish::OfCode(Origin::Kind kind, const Setting& setting) {
  Wish wish = {.kind = kind, .where = setting.where};
  wish.has_texts = setting.text.has_value();
  if (setting.text) wish.text = *setting.text;
  wish.value = &setting.value;
  return wish;
}

Wish Wish::OfSource(const RawTable& table, RawTable::Position position,
                    const RawTable::ManySelected* many) {
  const RawTable::Value value = table.At(position);
  Wish wish = {.kind = ToOriginKind(value.kind),
               .table = &table,
               .position = position,
               .has_texts = true};
  wish.text = value.raw.text;
  wish.many = many;
  return wish;
}

std::string PlaceText(CodeLocation where) {
  return absl::StrCat(where.file, ":", where.line);
}

std::string PlaceText(const RawTable::Value& value, bool secret) {
  const std::string place = value.document->PlaceOf(value.raw);
  if (!value.document->holds_value()) return place;
  return absl::StrCat(place, "=", secret ? kMask : value.raw.text);
}

std::string PlaceOf(const Entry& entry, const Wish& wish) {
  if (!wish.table) return PlaceText(wish.where);
  return PlaceText(wish.table->At(wish.position), entry.secret);
}

std::string Missing(const Entry& entry, const Wish& wish) {
  return absl::StrCat(PlaceOf(entry, wish), ": ", entry.subject(),
                      ": required, but nothing gives it a value");
}

}  // namespace bergen::config::internal
