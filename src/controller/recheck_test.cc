#include "controller/recheck.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/json.h"
#include "resource/sqlite_store.h"

namespace millrace::controller {
namespace {

using resource::Resource;

Resource Make(const std::string& kind, const std::string& name, const std::string& spec) {
  Resource resource;
  resource.kind = kind;
  resource.metadata.name = name;
  resource.metadata.project = "default";
  resource.spec = ParseJson(spec).value();
  return resource;
}

const char* const kSource =
    R"({"eventTime": "t", "push": {}, "columns": [{"name": "t", "type": "timestamp"}, {"name": "k", "type": "string"}]})";
const char* const kView =
    R"({"source": "rows", "entities": ["k"], "windows": ["1d"], "features": [{"name": "n", "aggregate": "count"}]})";

class RecheckTest : public testing::Test {
 protected:
  // As kubectl stores it: unchecked.
  Resource Store(const Resource& resource) {
    Result<Resource> made = store_->Create(resource);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return std::move(made).value();
  }
  std::string Says(const Resource& resource) {
    const Status status = recheck_.Check(resource, *store_, ++changes_);
    EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument) << status.ToString();
    return status.ok() ? "" : status.message();
  }

  std::unique_ptr<resource::SqliteStore> store_ =
      std::move(resource::SqliteStore::Create({.path = ":memory:"}).value());
  int compiled_ = 0;
  uint64_t changes_ = 0;
  Recheck recheck_{[this](const resource::Definitions&) {
    ++compiled_;
    return std::vector<resource::DefinitionProblem>();
  }};
};

TEST_F(RecheckTest, WaitsForWhatIsReferredToAndNamesWhatIsNear) {
  const Resource view = Store(Make("FeatureView", "v", kView));
  EXPECT_EQ(Says(view), "spec.source: DataSource 'rows' does not exist in project default");
  Store(Make("DataSource", "rowz", kSource));
  const Resource other = Store(Make("FeatureView", "w", kView));
  EXPECT_EQ(Says(other),
            "spec.source: DataSource 'rows' does not exist in project default; did you mean 'rowz'?");
  Store(Make("DataSource", "rows", kSource));
  EXPECT_EQ(Says(view), "");
}

TEST_F(RecheckTest, ToldAreTheMistakesOfTheResourceAlone) {
  Store(Make("DataSource", "rows", R"({"push": {}})"));
  const Resource view = Store(Make("FeatureView", "v", kView));
  EXPECT_EQ(Says(view), "") << "its source says itself what is wrong with it";
  const Resource wrong =
      Store(Make("FeatureView", "w", R"({"source": "rows", "windows": "1d", "feature": []})"));
  const std::string said = Says(wrong);
  for (const char* part : {"spec.windows: ", "spec.feature: unknown field; did you mean 'features'?", "; "}) {
    EXPECT_NE(said.find(part), std::string::npos) << said;
  }
}

TEST_F(RecheckTest, LooksAgainOnlyWhenSomethingChanged) {
  Resource source = Store(Make("DataSource", "rows", kSource));
  const Resource view = Store(Make("FeatureView", "v", kView));
  EXPECT_EQ(Says(view), "");
  const int first = compiled_;
  source.status = {{"rows", 3}};
  source = store_->UpdateStatus(source).value();
  EXPECT_EQ(Says(view), "");
  EXPECT_EQ(compiled_, first) << "that says nothing about the view";
  source.status["snapshot"] = 1;
  source = store_->UpdateStatus(source).value();
  EXPECT_EQ(Says(view), "");
  EXPECT_GT(compiled_, first) << "another table may have other columns";
  const int second = compiled_;
  ASSERT_TRUE(store_->Patch(source.Key(), {{"spec", {{"lateness", "1d"}}}}).ok());
  EXPECT_TRUE(recheck_.Check(view, *store_, changes_).ok());
  EXPECT_EQ(compiled_, second) << "nobody has said that something changed";
  EXPECT_EQ(Says(view), "");
  EXPECT_GT(compiled_, second);
  ASSERT_TRUE(store_->Patch(view.Key(), {{"spec", {{"source", "none"}}}}).ok());
  EXPECT_NE(Says(store_->Get(view.Key()).value()), "");
}

}  // namespace
}  // namespace millrace::controller
