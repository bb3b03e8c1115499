// The registry and training logs over HTTP, for `millrace models` and `millrace logs`.
//
//   GET    …/namespaces/P/registeredmodels                     models with aliases and latest version
//   GET    …/namespaces/P/models/M/versions[/V]                versions, newest first; metrics, why not
//   promoted GET    …/namespaces/P/models/M/aliases                     what they point at, and every move
//   PUT    …/namespaces/P/models/M/aliases/A                   {"version": 3, "reason": "…"}
//   DELETE …/namespaces/P/models/M/aliases/A
//   GET    …/namespaces/P/models/M/runs[?filter=F&limit=N]     its runs, newest first (registry/run_filter.h)
//   GET    …/namespaces/P/runs/R                               params, metrics, tags
//   DELETE …/namespaces/P/runs/R                               listed no more; still shown, as deleted
//   GET    …/namespaces/P/runs/R/metrics/KEY                   the history
//   GET    …/namespaces/P/trainingjobs/J/log[?follow=true]     text/plain
//
// Moves of aliases are audited by the registry's ChangeHook. Thread safe.
#pragma once

#include <string>

#include "api/http/router.h"
#include "registry/registry.h"
#include "resource/store.h"

namespace millrace::api {

struct RegistryApiOptions {
  resource::ResourceStore& store;  // these outlive the router
  registry::Registry& registry;
  std::string runs_dir;  // DATA/runs: a run's log is RUN/train.log below it
};

void AddRegistryRoutes(http::Router& router, RegistryApiOptions options);

}  // namespace millrace::api
