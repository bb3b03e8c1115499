// RunFilter: which runs a search shows, in MLflow's filter language.
//
//   filter     := comparison { AND comparison }
//   comparison := metrics.KEY OP number | params.KEY OP 'text' | tags.KEY OP 'text' | attributes.FIELD OP
//   value OP         := = | != | > | >= | < | <=  for numbers,  = | != | LIKE | ILIKE  for texts FIELD :=
//   status | run_name | run_id | user_id (texts),  start_time | end_time (milliseconds since 1970)
//
// KEY may stand in backticks or double quotes (metrics.`precision at 100`). In LIKE, % is any
// text and _ any character; ILIKE takes upper and lower case for the same. Keywords are in any
// case. A run without the key does not match, whatever the operator.
//
//   MR_ASSIGN_OR_RETURN(RunFilter filter, RunFilter::Parse("metrics.auc_roc > 0.87 and attributes.status = "
//                                                          "'FINISHED'"));
//   if (filter.Matches(run)) …
//
// A value; thread safe. Parse is for text from outside: at most 4 KiB and 32 comparisons;
// InvalidArgument says where it is wrong and what would be right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "registry/registry.h"

namespace millrace::registry {

class RunFilter {
 public:
  // "" matches every run.
  static Result<RunFilter> Parse(std::string_view text);
  bool Matches(const Run& run) const;

  enum class Of : uint8_t { kMetric, kParam, kTag, kAttribute };
  enum class Op : uint8_t { kEqual, kUnequal, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kLike, kILike };
  struct Comparison {
    Of of = Of::kMetric;
    std::string key = {};
    Op op = Op::kEqual;
    double number = 0;      // for metrics and times
    std::string text = {};  // for all else
  };

 private:
  std::vector<Comparison> comparisons_;
};

}  // namespace millrace::registry
