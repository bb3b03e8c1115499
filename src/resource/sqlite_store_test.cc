#include "resource/sqlite_store.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "resource/store_conformance.h"

namespace millrace::resource {
namespace {

Resource Make(const std::string& kind, const std::string& name, Json spec = Json::object()) {
  Resource resource;
  resource.kind = kind;
  resource.metadata.name = name;
  resource.metadata.project = kind == "Project" ? "" : "default";
  resource.spec = std::move(spec);
  return resource;
}

std::unique_ptr<SqliteStore> Open(SqliteStore::Options options = {.path = ":memory:"}) {
  auto store = SqliteStore::Create(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return std::move(*store);
}

const ResourceKey kModel = {"Model", "default", "fraud"};

struct SqliteSubstrate {
  static std::string WhyNot() { return ""; }
  std::unique_ptr<ResourceStore> Open(Auditor auditor) const {
    return std::move(SqliteStore::Create(
                         {.path = directory.path() + "/resources.db", .auditor = std::move(auditor)}))
        .value();
  }
  static std::string Project(int i) { return i == 0 ? "default" : "other"; }

  TempDirectory directory;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreConformance, SqliteSubstrate);

TEST(SqliteStore, TakesItsTimesFromItsClock) {
  FakeClock clock(EventTime{1'500'000});
  auto store = Open({.path = ":memory:", .clock = &clock});
  EXPECT_EQ(store->Create(Make("Model", "fraud"))->metadata.creation_time, EventTime{1'500'000});
}

TEST(SqliteStore, RefusesAResourceThatIsTooLarge) {
  auto store = Open({.path = ":memory:", .max_bytes = 1000});
  EXPECT_EQ(store->Create(Make("Model", "fraud", {{"x", std::string(2000, 'x')}})).status().code(),
            Code::kResourceExhausted);
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(SqliteStore, ReopensWithEverythingThatWasAnswered) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  std::string version;
  {
    auto store = Open({.path = path});
    ASSERT_TRUE(store->Create(Make("DataSource", "rows")).ok());
    Resource model = store->Create(Make("Model", "fraud", {{"seed", 1}})).value();
    model.status = {{"latestVersion", 2}};
    version = store->UpdateStatus(model)->metadata.resource_version;
  }
  auto store = Open({.path = path});
  EXPECT_EQ(store->Get(kModel)->status["latestVersion"], 2);
  EXPECT_EQ(store->List({})->resource_version, version);
  const Resource later = store->Create(Make("Model", "later")).value();
  EXPECT_EQ(later.metadata.resource_version, std::to_string(std::stoll(version) + 1));
}

TEST(SqliteStore, RefusesAFileOfANewerVersion) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  ASSERT_TRUE(Database::Open(path)->Execute("PRAGMA user_version = 7").ok());
  const auto store = SqliteStore::Create({.path = path});
  EXPECT_EQ(store.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(store.status().message().find("newer Millrace (format 7; this one knows 1)"), std::string::npos);
}

}  // namespace
}  // namespace millrace::resource
