// ResourceStore on a Kubernetes API server: the kinds are its custom resources
// (crd.h), a project is a namespace, a Project belongs to the cluster.
//
//   MR_ASSIGN_OR_RETURN(auto client, kube::Client::Create({.config = config}));
//   MR_ASSIGN_OR_RETURN(auto store, KubeStore::Create({.client = client.get()}));
//
//   Get, List, StartWatch ─▶ mirror (internal/kube_mirror.h) ◀─ one informer a kind ◀─ API server
//   Create, Update, Apply … ─▶ checks ▸ dry run ▸ auditor ▸ request ───────────────────────┘
//
// Reads come from memory; a read waits until the mirror shows what was written
// through this store before. Writes go to the API server, each with the version
// that it was decided on, and say only what changes: what others wrote stays.
// How each promise of store.h is kept, and what an API server cannot promise:
// docs/adr/0026-the-store-on-kubernetes.md. In short
//  * resource versions of resources are the server's; those of lists and
//    bookmarks are the mirror's, and begin anew with the process (Expired);
//  * Apply asks the server for all of it first (dry run); a failure after that
//    leaves what was written so far, and says so;
//  * what others refer to is refused deletion here; kubectl is not: then the
//    finalizer keeps it until nothing refers to it (controller::Manager);
//  * owned resources go a moment later, by the cluster's garbage collector;
//  * the auditor is asked before the request: one that the server then refuses
//    leaves a record of what did not happen. What kubectl writes it never sees;
//  * Metadata::manager is not read; WriteOptions::manager is the field manager.
//
// Create fails with a sentence when the kinds aren't installed, or may not be
// listed. Errors of writes are kube/api_error.h's. Thread safe, but for the
// client's I/O thread, whose callbacks may not call it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resource/store.h"

namespace millrace::kube {
class Client;
class Informer;
struct Request;
}  // namespace millrace::kube

namespace millrace::resource {

class KubeMirror;

class KubeStore : public ResourceStore {
 public:
  struct Options {
    kube::Client* client = nullptr;          // outlives the store
    std::vector<std::string> projects = {};  // these alone; empty: all
    Auditor auditor = {};                    // null: nothing is asked
    size_t history = 1'000;                  // changes kept for watches that resume
    std::function<Status()> may_write =
        {};  // asked before each request that writes: are we still the leader?
    std::chrono::milliseconds sync_timeout{30'000};
  };

  static Result<std::unique_ptr<KubeStore>> Create(Options options);
  ~KubeStore() override;

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

  // Why the mirror may be behind: the API server cannot be reached, say. Ok otherwise.
  Status Health() const;

 private:
  struct Write;
  struct Found;
  // What a read-modify-write makes of a resource: the change to send, or none.
  using Modify = std::function<Result<std::optional<Write>>(const Found& found)>;

  explicit KubeStore(Options options);
  void StartInformers();
  Status WaitForSync() const;
  Status CheckScope(const ResourceKey& key) const;
  Status Check(const WriteOptions& options, const std::vector<Resource>& wanted);
  Status Audit(const Write& write, const Resource* after, const WriteOptions& options) const;

  // As the mirror has it, or, asked for freshness or another version, as the server does.
  Result<Found> Require(const ResourceKey& key, const std::string& version, bool fresh);
  Result<Resource> ReadModifyWrite(const ResourceKey& key, const std::string& version,
                                   const WriteOptions& options, const Modify& modify);
  Result<std::optional<Write>> Replacement(const Found& found, const Resource& given,
                                           const WriteOptions& options);
  static Result<std::optional<Write>> StatusReplacement(const Found& found, const Json& status,
                                                        const WriteOptions& options);
  Result<Resource> Commit(const Write& write, const WriteOptions& options);
  Result<Resource> Send(const Write& write, bool dry_run);

  Result<std::vector<Write>> PlanApply(const std::vector<Resource>& resources, const WriteOptions& options);

  const Options options_;
  std::unique_ptr<KubeMirror> mirror_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;  // end before the mirror
};

}  // namespace millrace::resource
