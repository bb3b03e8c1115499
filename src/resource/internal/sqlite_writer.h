// One write of SqliteStore: a transaction, the changes in it for the auditor,
// and the events in it for the watches. Internal to the store; the store's mutex
// is held throughout, but for the notifications at the end.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "resource/internal/store_rules.h"
#include "resource/sqlite_store.h"

namespace millrace::resource {

struct SqliteStore::Subscription {
  WatchOptions options;
  LabelSelector selector;
  std::weak_ptr<Watch> watch;  // its reader owns it: a watch nobody reads any more ends here
};

class SqliteStore::Writer {
 public:
  // Runs `body(writer)`, which returns a Result, as one transaction.
  template <typename Body>
  static auto Run(SqliteStore& store, const WriteOptions& options, Body body)
      -> decltype(body(std::declval<Writer&>())) {
    std::vector<std::shared_ptr<Watch>> notify;
    auto result = [&]() -> decltype(body(std::declval<Writer&>())) {
      const std::lock_guard lock(store.mutex_);
      MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(store.db_));
      Writer writer(store, options);
      auto outcome = body(writer);
      if (!outcome.ok() || options.dry_run) return outcome;
      MR_RETURN_IF_ERROR(writer.Finish());
      MR_RETURN_IF_ERROR(transaction.Commit());
      notify = writer.Publish();
      return outcome;
    }();
    for (const auto& watch : notify) watch->Notify();
    return result;
  }

  Result<std::optional<Resource>> Find(const ResourceKey& key) { return store_.Load(key); }
  // NotFound when there is none; Conflict when `version` is given and another.
  Result<Resource> Require(const ResourceKey& key, const std::string& version);
  Status Check(const std::vector<Resource>& wanted);

  Result<Resource> Create(Resource resource);
  // Spec, labels, annotations, finalizers and owners as given; nothing is written when all is the same.
  Result<Resource> Replace(const Resource& before, const Resource& wanted);
  Result<Resource> ReplaceStatus(const Resource& before, const Json& status);
  Result<Resource> Delete(const Resource& resource);

 private:
  struct Made {
    Verb verb;
    std::optional<Resource> before;
    std::optional<Resource> after;
  };

  Writer(SqliteStore& store, const WriteOptions& options) : store_(store), options_(options) {}

  Result<std::string> NextVersion();
  Result<Resource> Save(Verb verb, const std::optional<Resource>& before, Resource after);
  Result<Resource> Remove(Resource resource);
  Status CollectGarbage(const Resource& owner);
  Status Record(EventType type, const Resource& resource, const Json& labels_before);
  Status Finish();
  std::vector<std::shared_ptr<Watch>> Publish();

  SqliteStore& store_;
  const WriteOptions& options_;
  std::vector<Made> made_;
  std::vector<StoredEvent> events_;
};

}  // namespace millrace::resource
