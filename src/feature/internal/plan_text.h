// What the files of plan.h share: names, sentences, and the text that digests cover.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/text.h"
#include "feature/plan.h"

namespace millrace::feature {

// No delay, window or age is longer; sums of a few of them stay far within 64 bits.
inline constexpr Micros kLongestTime = std::chrono::hours(24) * 36'500;

// "; did you mean 'tx_count'?", or "".
inline std::string DidYouMean(std::string_view name, std::span<const std::string> known) {
  const std::string nearest = Nearest(name, known);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

// InvalidArgument, with the nearest column, when the schema has none of that name.
inline Result<size_t> FindColumn(const Schema& schema, std::string_view name, std::string_view where) {
  if (const auto found = schema.Find(name)) return *found;
  const std::vector<std::string> names = schema.Names();
  return InvalidArgument("{}: there is no column '{}'{}", where, name, DidYouMean(name, names));
}

// Gathers what is wrong with a definition, so that all of it is told at once: a
// line each, that begins with the field's path.
class Problems {
 public:
  void Note(const Status& status) {
    if (status.ok()) return;
    if (first_.ok()) {
      first_ = status;
    } else {
      more_ += "\n" + status.message();
    }
  }
  // Ok when nothing was noted.
  Status ToStatus() const { return more_.empty() ? first_ : Status(first_.code(), first_.message() + more_); }

 private:
  Status first_;
  std::string more_;
};

// A column's name as an expression.
inline std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

// Everything that determines a view's values, and nothing else.
Json ViewIdentity(const ViewPlan& plan);
// The same of a service.
Json ServiceIdentity(const ServicePlan& plan);

}  // namespace millrace::feature
