// Informer: a copy of all objects of one kind, kept up to date: a list, then a
// watch, and a list again whenever the watch cannot go on.
//
//   auto pods = Informer::Start(*client, {.resource = kPods, .label_selector = "app=millrace",
//                                         .indexes = {IndexByNamespace(), IndexByOwner()}});
//   pods->AddHandler([&](const ObjectChange& change) { queue.Add(change.key); });
//   MR_RETURN_IF_ERROR(pods->WaitForSync(steady_clock::now() + 30s));
//   std::optional<Json> pod = pods->Get("team-a", "web-0");
//   for (const Json& owned : pods->ByIndex("owner", uid)) …
//
// One informer a kind serves any number of readers. Reads may come from any
// thread and return copies. Handlers run one after another on the client's I/O
// thread and must not block: put the key into a queue. Each sees every object at
// least once as an addition, then changes in the order of the watch; changes that
// fell between two lists are seen as one; what vanished between them is told as a
// deletion (`tombstone`: its last known state). The same version is told once.
//
// Memory is small: objects are kept packed (kube/internal/object_codec.h) and
// without managedFields; README.md has the figure. A failure to list or watch
// (last_error) is tried again with back-off, as long as the informer lives.
// The informer ends before its client; its destructor waits for a running handler.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/client.h"

namespace millrace::kube {

// The values that an object is found by; several, or none.
struct Index {
  std::string name;
  std::function<std::vector<std::string>(const Json& object)> values;
};

Index IndexByNamespace();                    // "namespace"
Index IndexByOwner();                        // "owner": uids of metadata.ownerReferences
Index IndexByLabel(const std::string& key);  // "label:KEY"

struct ObjectChange {
  std::string key;            // "namespace/name", or "name"
  const Json* old = nullptr;  // null: an addition
  const Json* now = nullptr;  // null: a deletion
  bool tombstone = false;     // a deletion that the watch did not tell; `old` may be out of date
};
using ChangeHandler = std::function<void(const ObjectChange&)>;

struct InformerOptions {
  GroupVersionResource resource;
  std::string ns = {};  // "": all
  std::string label_selector = {};
  std::string field_selector = {};
  std::vector<Index> indexes = {};
  // Drops what nobody reads, before the object is kept and told.
  std::function<void(Json& object)> transform = {};
  int64_t page_size = 500;
};

class Informer {
 public:
  static std::unique_ptr<Informer> Start(Client& client, InformerOptions options);
  ~Informer();

  // It first sees all objects that are there as additions.
  void AddHandler(ChangeHandler handler);

  // The first list is there, and handlers have seen it.
  bool HasSynced() const;
  // DeadlineExceeded, with the last error.
  Status WaitForSync(std::chrono::steady_clock::time_point deadline) const;
  // Why it is not up to date; Ok when it is.
  Status last_error() const;
  // How often everything was listed.
  int64_t lists() const;

  std::optional<Json> Get(const std::string& ns, const std::string& name) const;
  std::optional<Json> GetByKey(const std::string& key) const;
  std::vector<std::string> Keys() const;
  std::vector<Json> List() const;
  std::vector<std::string> KeysByIndex(std::string_view index, const std::string& value) const;
  std::vector<Json> ByIndex(std::string_view index, const std::string& value) const;
  size_t size() const;
  size_t bytes() const;  // what the cache takes, about

 private:
  struct State;
  explicit Informer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with its coroutine
};

}  // namespace millrace::kube
