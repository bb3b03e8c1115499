#include "registry/run_filter.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::registry {
namespace {

Run Sample() {
  Run run;
  run.id = "abc";
  run.name = "fraud-7";
  run.user = "ada";
  run.status = RunStatus::kFinished;
  run.start = EventTime{1'500'000'000'000'000};
  run.params = {{"max_depth", "5"}, {"odd name", "x"}};
  run.tags = {{"team", "Risk 100%"}, {"a.b/c", "1"}};
  run.metrics["auc_roc"] = {.key = "auc_roc", .value = 0.875};
  run.metrics["loss"] = {.key = "loss", .value = std::numeric_limits<double>::quiet_NaN()};
  return run;
}

TEST(RunFilter, ComparesWhatTheRunHas) {
  struct Case {
    const char* filter;
    bool matches;
  } cases[] = {
      {"", true},
      {"  \n ", true},
      {"metrics.auc_roc > 0.87", true},
      {"metrics.auc_roc>0.875", false},
      {"metrics.auc_roc >= 0.875", true},
      {"metric.auc_roc = 875e-3", true},
      {"metrics.auc_roc != 0.875", false},
      {"metrics.auc_roc < 1 AND metrics.auc_roc > -1", true},
      {"metrics.auc_roc < 1 and metrics.auc_roc > 1", false},
      {"metrics.none > 0", false},
      {"metrics.none != 0", false},
      {"metrics.loss > 0", false},
      {"metrics.loss <= 0", false},
      {"params.max_depth = '5'", true},
      {"params.max_depth = \"5\"", true},
      {"params.max_depth != '6'", true},
      {"params.`odd name` = 'x'", true},
      {"params.\"odd name\" LIKE '_'", true},
      {"tags.team like 'Risk%'", true},
      {"tags.team like 'risk%'", false},
      {"tags.team ilike 'risk 1__%'", true},
      {"tags.team like '%1%0%'", true},
      {"tags.team like '%2%'", false},
      {"tags.team like ''", false},
      {"tags.a.b/c = '1'", true},
      {"attributes.status = 'FINISHED'", true},
      {"attributes.status = 'FAILED'", false},
      {"run.run_name LIKE 'fraud-%' AND attribute.user_id = 'ada'", true},
      {"attributes.run_id = 'abc'", true},
      {"attributes.start_time >= 1500000000000", true},
      {"attributes.start_time > 1500000000000", false},
      {"attributes.end_time > 0", false},
  };
  for (const Case& c : cases) {
    Result<RunFilter> filter = RunFilter::Parse(c.filter);
    ASSERT_TRUE(filter.ok()) << c.filter << ": " << filter.status().ToString();
    EXPECT_EQ(filter->Matches(Sample()), c.matches) << c.filter;
  }
}

TEST(RunFilter, SaysWhereItIsWrongAndWhatWouldBeRight) {
  struct Case {
    std::string filter;
    const char* says;
  } cases[] = {
      {"auc > 1", "character 1: a comparison begins with metrics."},
      {"metrics auc > 1", "begins with metrics."},
      {"metrics. > 1", "name after metrics. is missing"},
      {"metrics.auc", "a number is compared by"},
      {"metrics.auc like 'x'", "a number is compared by"},
      {"params.a > '5'", "a text is compared by"},
      {"params.a = 5", "a text stands in quotes"},
      {"params.a = 'x", "not closed"},
      {"metrics.`a", "not closed"},
      {"metrics.auc > 'x'", "a number belongs here"},
      {"metrics.auc > ", "a number belongs here"},
      {"metrics.auc > 1 or metrics.auc < 0", "joined by AND"},
      {"metrics.auc > 1 and", "begins with metrics."},
      {"attributes.stats = 'x'", "did you mean 'status'?"},
      {std::string(5000, ' '), "more than 4096 bytes"},
  };
  for (const Case& c : cases) {
    const Status status = RunFilter::Parse(c.filter).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.filter;
    EXPECT_NE(status.message().find(c.says), std::string::npos) << c.filter << ": " << status.message();
  }
  std::string many = "metrics.a > 1";
  for (int i = 0; i < 40; ++i) many += " and metrics.a > 1";
  EXPECT_NE(RunFilter::Parse(many).status().message().find("more than 32"), std::string::npos);
}

}  // namespace
}  // namespace millrace::registry
