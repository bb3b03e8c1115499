// A data directory of its own with its stores, all of them real, and the controllers called by
// hand: a test says in which order what is looked at, and what the clock shows.
//
//   World world;
//   world.WriteFile("a.csv", "id,time,key\n1,2020-01-01T00:00:00Z,7\n");
//   world.Put("DataSource", "rows", {{"files", {{"path", world.folder() + "/*.csv"}}}, …});
//   world.Settle("DataSource", "rows");
//   EXPECT_EQ(world.Ready("DataSource", "rows").reason, "UpToDate");
//
// Not thread safe. What is not expected to fail ends the program when it does.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "controller/context.h"
#include "controller/controllers.h"
#include "controller/finalizer.h"
#include "inference/endpoint.h"
#include "registry/sqlite_registry.h"
#include "resource/sqlite_store.h"
#include "security/authorizer.h"
#include "security/token.h"
#include "table/delta.h"

namespace millrace::controller::testing {

inline constexpr const char* kProject = "default";

class World {
 public:
  explicit World(std::optional<EventTime> as_of = std::nullopt, uint64_t max_unconfirmed = uint64_t{2} << 30)
      // Ahead of the tables' commits, which have the machine's time: a clock that went back is a case of its
      // own.
      : clock_(SystemClock().Now() + std::chrono::seconds(30)),
        access_({.tokens = security::TokenStore::Open(data_dir() + "/tokens").value(), .anonymous = {}}),
        resources_(resource::SqliteStore::Create({.path = ":memory:"}).value()),
        registry_(registry::SqliteRegistry::Open({.path = ":memory:"}).value()),
        online_(feature::OnlineStore::Open(OnlineOptions(max_unconfirmed)).value()),
        key_(SigningKey::OpenOrCreate(data_dir() + "/signing.key").value()),
        stores_{*resources_, *registry_, *online_, endpoints_, access_, metrics_, key_, clock_},
        tasks_({.limit = 2, .ended = [this](const std::string&) { ended_.notify_all(); }}),
        runs_({.limit = 2, .ended = [this](const std::string&) { ended_.notify_all(); }}),
        context_{stores_, Layout(data_dir()), as_of, tasks_, runs_} {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    runs_.Stop();
    tasks_.Stop();
  }

  Context& context() { return context_; }
  FakeClock& clock() { return clock_; }
  feature::OnlineStore& online() { return *online_; }
  // For files of sources.
  const std::string& folder() const { return files_.path(); }
  std::string data_dir() const { return data_.path(); }

  void WriteFile(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(folder() + "/" + name, text).ok());
  }

  static resource::ResourceKey Key(const std::string& kind, const std::string& name) {
    return {kind, kProject, name};
  }
  // Makes it, or gives it this spec.
  void Put(const std::string& kind, const std::string& name, const Json& spec) {
    Result<resource::Resource> found = resources_->Get(Key(kind, name));
    resource::Resource wanted;
    if (found.ok()) wanted = *found;
    wanted.kind = kind;
    wanted.metadata.name = name;
    wanted.metadata.project = kProject;
    wanted.spec = spec;
    found = found.ok() ? resources_->Update(wanted) : resources_->Create(wanted);
    ASSERT_TRUE(found.ok()) << found.status().ToString();
  }
  void Delete(const std::string& kind, const std::string& name) {
    const auto deleted = resources_->Delete(Key(kind, name));
    ASSERT_TRUE(deleted.ok()) << deleted.status().ToString();
  }
  std::optional<resource::Resource> Find(const std::string& kind, const std::string& name) {
    const Result<resource::Resource> found = resources_->Get(Key(kind, name));
    return found.ok() ? std::optional(*found) : std::nullopt;
  }
  resource::Condition Ready(const std::string& kind, const std::string& name) {
    const std::optional<resource::Resource> found = Find(kind, name);
    if (!found) return {};
    return resource::FindCondition(found->status, "Ready").value_or(resource::Condition{});
  }

  // Looks at it once, as the Manager does; tasks that this starts go on.
  void Look(const std::string& kind, const std::string& name) {
    const std::optional<resource::Resource> found = Find(kind, name);
    const Controller& controller = ControllerOf(kind);
    if (!found) {
      if (controller.forget != nullptr) controller.forget(context_, Key(kind, name));
      return;
    }
    if (controller.finalize != nullptr && found->metadata.deletion_time) {
      const Result<std::string> waits = controller.finalize(context_, *found);
      ASSERT_TRUE(waits.ok()) << waits.status().ToString();
      const Status released = waits->empty() ? RemoveFinalizer(context_, *found) : Ok();
      ASSERT_TRUE(released.ok()) << released.ToString();
      return;
    }
    const resource::Resource held =
        controller.finalize == nullptr ? *found : WithFinalizer(context_, *found).value();
    const Result<Micros> again = controller.reconcile(context_, held);
    ASSERT_TRUE(again.ok()) << again.status().ToString();
  }
  void WaitForTasks() {
    const auto quiet = [this] { return tasks_.Running().empty() && runs_.Running().empty(); };
    std::unique_lock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    // The end of a task may be missed between the question and the wait: it is asked again.
    while (!quiet() && std::chrono::steady_clock::now() < deadline)
      ended_.wait_for(lock, std::chrono::milliseconds(20));
    ASSERT_TRUE(quiet()) << "a task does not end";
  }
  // Looks, and waits for what that starts, until nothing changes any more or it is gone.
  void Settle(const std::string& kind, const std::string& name) {
    std::string before;
    for (int i = 0; i < 20; ++i) {
      Look(kind, name);
      const bool worked = !tasks_.Running().empty() || !runs_.Running().empty();
      WaitForTasks();
      const std::optional<resource::Resource> now = Find(kind, name);
      if (!now || (!worked && now->metadata.resource_version == before)) return;
      before = now->metadata.resource_version;
    }
    FAIL() << kind << " " << name << " does not settle: " << Ready(kind, name).message;
  }

  Table Read(const std::string& table) {
    const DeltaTable opened = DeltaTable::Open(table).value();
    return opened.Read(opened.Snapshot().value()).value();
  }
  DeltaSnapshot Newest(const std::string& table) {
    return DeltaTable::Open(table).value().Snapshot().value();
  }
  std::string Events(const std::string& source) { return context_.layout.Events(kProject, source); }
  std::string Pushed(const std::string& source) { return context_.layout.Pushed(kProject, source); }
  std::string Features(const std::string& view) { return context_.layout.Features(kProject, view); }

 private:
  feature::OnlineStoreOptions OnlineOptions(uint64_t max_unconfirmed) const {
    feature::OnlineStoreOptions options;
    options.directory = data_dir() + "/online";
    options.max_unconfirmed_bytes = max_unconfirmed;
    return options;
  }
  static const Controller& ControllerOf(const std::string& kind) {
    for (const Controller& controller : Controllers())
      if (controller.kind == kind) return controller;
    std::abort();
  }

  TempDirectory data_;
  TempDirectory files_;
  FakeClock clock_;
  telemetry::Metrics metrics_;
  inference::EndpointSet endpoints_;
  security::Access access_;
  std::unique_ptr<resource::SqliteStore> resources_;
  std::unique_ptr<registry::Registry> registry_;
  std::unique_ptr<feature::OnlineStore> online_;
  SigningKey key_;
  Stores stores_;
  std::mutex mutex_;
  std::condition_variable ended_;
  TaskSet tasks_;
  TaskSet runs_;
  Context context_;
};

}  // namespace millrace::controller::testing
