// ResourceStore in one SQLite file.
//
//   MR_ASSIGN_OR_RETURN(auto store, SqliteStore::Create({.path = dir + "/resources.db"}));
//
// One connection behind one mutex; a write returns once it is on disk (WAL,
// synchronous=FULL), so that a kill at any instant loses nothing that was
// answered. Watches are fed under that mutex, in the order of the versions; the
// last `history` events are kept for those that resume. Refuses, with
// FailedPrecondition, a file that a newer Millrace has written.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sqlite.h"
#include "resource/store.h"

namespace millrace::resource {

class SqliteStore : public ResourceStore {
 public:
  struct Options {
    std::string path = {};         // ":memory:" for tests
    const Clock* clock = nullptr;  // null: the machine's; else it outlives the store
    Auditor auditor = {};          // null: nothing is asked
    size_t history = 10'000;       // events kept for watches that resume
    size_t max_bytes = 1 << 20;    // of one resource's JSON
  };

  static Result<std::unique_ptr<SqliteStore>> Create(Options options);
  ~SqliteStore() override;

  Result<Resource> Get(const ResourceKey& key) override;
  Result<ResourceList> List(const ListOptions& options) override;
  Result<Resource> Create(const Resource& resource, const WriteOptions& options = {}) override;
  Result<Resource> Update(const Resource& resource, const WriteOptions& options = {}) override;
  Result<Resource> UpdateStatus(const Resource& resource, const WriteOptions& options = {}) override;
  Result<Resource> Patch(const ResourceKey& key, const Json& patch,
                         const WriteOptions& options = {}) override;
  Result<Resource> PatchStatus(const ResourceKey& key, const Json& patch,
                               const WriteOptions& options = {}) override;
  Result<std::vector<Applied>> Apply(const std::vector<Resource>& resources,
                                     const WriteOptions& options = {}) override;
  Result<Resource> Delete(const ResourceKey& key, const WriteOptions& options = {},
                          const DeleteOptions& delete_options = {}) override;
  Result<std::shared_ptr<Watch>> StartWatch(const WatchOptions& options) override;

 private:
  class Writer;
  struct Subscription;

  SqliteStore(Options options, Database db);
  // Makes the tables, or checks that this program knows them.
  Status Prepare();
  const Clock& clock() const;

  // All of these with mutex_ held.
  Result<std::optional<Resource>> Load(const ResourceKey& key);
  Result<std::vector<Resource>> LoadAll(const std::string& kind, const std::string& project);
  Result<int64_t> Counter(std::string_view name);
  Status FillWatch(const WatchOptions& options, const LabelSelector& selector, int64_t latest, Watch& watch);

  const Options options_;
  std::mutex mutex_;
  Database db_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace millrace::resource
