#include "resource/diagnostics.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace millrace::resource {

std::string Diagnostic::ToString() const {
  std::string text;
  if (!mark.file.empty()) {
    text += mark.line > 0 ? fmt::format("{}:{}:{}: ", mark.file, mark.line, mark.column) : mark.file + ": ";
  } else if (mark.line > 0) {
    text += fmt::format("line {}, column {}: ", mark.line, mark.column);
  }
  if (!resource.empty()) text += resource + ": ";
  if (!field.empty()) text += field + ": ";
  return text + message;
}

void Diagnostics::Add(Diagnostic diagnostic) { items_.push_back(std::move(diagnostic)); }

void Diagnostics::Append(const Diagnostics& other) {
  items_.insert(items_.end(), other.items_.begin(), other.items_.end());
}

void Diagnostics::Sort() {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.mark.file, d.mark.line, d.mark.column, d.resource, d.field, d.message);
  };
  std::stable_sort(items_.begin(), items_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  items_.erase(std::unique(items_.begin(), items_.end(),
                           [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); }),
               items_.end());
}

std::string Diagnostics::ToString() const {
  std::string text;
  for (const Diagnostic& item : items_) text += item.ToString() + "\n";
  return text;
}

Status Diagnostics::ToStatus() const {
  if (items_.empty()) return Ok();
  std::string text = ToString();
  text.pop_back();
  return Status(Code::kInvalidArgument, std::move(text));
}

}  // namespace millrace::resource
