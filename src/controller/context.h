// Context: what the controllers work with, borrowed from whoever runs them.
//
// Everything here outlives the Manager. The stores are thread safe; reconciles
// run one after another on the Manager's thread, tasks on threads of their own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ed25519.h"
#include "base/time.h"
#include "controller/task_set.h"
#include "feature/online_store.h"
#include "registry/registry.h"
#include "resource/store.h"
#include "security/authorizer.h"
#include "telemetry/metrics.h"

namespace millrace::inference {
class EndpointSet;
}

namespace millrace::controller {

struct Stores {
  resource::ResourceStore& resources;
  registry::Registry& registry;
  feature::OnlineStore& online;
  inference::EndpointSet& endpoints;
  security::Access& access;
  telemetry::Metrics& metrics;
  const SigningKey& signing_key;  // signs packages, and is the one that is trusted
  const Clock& clock;
};

// Where things lie below the data directory (docs/architecture.md).
class Layout {
 public:
  explicit Layout(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  std::string Events(const std::string& project, const std::string& source) const;
  std::string Pushed(const std::string& project, const std::string& source) const;
  std::string Dead(const std::string& project, const std::string& source) const;
  std::string Features(const std::string& project, const std::string& view) const;
  std::string Package(const std::string& project, const std::string& model, int64_t version) const;
  std::string Packages(const std::string& project, const std::string& model) const;
  // What a Project's tables and packages lie below.
  std::vector<std::string> OfProject(const std::string& project) const;
  std::string Run(const std::string& run) const;
  // Whether the path, with its links followed, lies in the data directory.
  bool Contains(const std::string& path) const;

 private:
  std::string data_dir_;
};

struct Context {
  Stores& stores;
  Layout layout;
  // The online state holds only events before this time, and what is pushed or
  // learned stays out of the offline tables: for replaying what came after.
  std::optional<EventTime> as_of;
  TaskSet& tasks;  // work on this machine's cores, by resource
  TaskSet& runs;   // training runs: they wait for a child most of the time
};

// Resources of a kind ("" for all) in a project.
Result<std::vector<resource::Resource>> ListOf(Context& context, const std::string& kind,
                                               const std::string& project);

// Who the controllers are in the audit log and in the registry.
inline constexpr std::string_view kActor = "system:controller";

}  // namespace millrace::controller
