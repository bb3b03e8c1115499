// The resource API: /apis/millrace.dev/v1alpha1/… in the Kubernetes API's
// conventions over a ResourceStore, so that the same paths and bodies work
// against a Kubernetes API server (and `kubectl --server` against this).
//
//   GET    /version, /api, /apis, /apis/millrace.dev[/v1alpha1], /openapi/v3…   discovery
//   GET    …/PLURAL                                     of all Projects, as far as the caller may read
//   GET    …/namespaces/PROJECT/PLURAL[/NAME[/status]]  list, get; ?watch=true watches
//   POST   …/namespaces/PROJECT/PLURAL                  create
//   PUT    …/namespaces/PROJECT/PLURAL/NAME[/status]    update
//   PATCH  …/namespaces/PROJECT/PLURAL/NAME[/status]    merge patch (RFC 7386), apply (YAML or JSON)
//   DELETE …/namespaces/PROJECT/PLURAL/NAME
//   …/projects[/NAME]                                   Projects themselves, in no namespace
//   POST   …/apply                                      a whole folder, all or nothing (apply.h)
//
// List takes limit, continue, labelSelector, fieldSelector (metadata.name,
// metadata.namespace); watch besides resourceVersion, timeoutSeconds and
// allowWatchBookmarks. Writes take dryRun=All and fieldManager. Bodies are JSON
// or YAML. `Accept: application/json;as=Table;…` gives a Table with the kind's
// columns. Errors are Status objects, 422 with one cause a problem.
//
// A watch ends when its caller's permission does. All handlers are thread safe.
#pragma once

#include <string>

#include "api/http/router.h"
#include "resource/definition_check.h"
#include "resource/store.h"
#include "security/authorizer.h"

namespace millrace::api {

struct ResourceApiOptions {
  resource::ResourceStore& store;             // outlives the router
  const security::Access& access;             // outlives the router
  std::string version;                        // of this program: "0.1.0"
  resource::DefinitionCheck check = nullptr;  // of what is written
};

void AddResourceRoutes(http::Router& router, ResourceApiOptions options);

}  // namespace millrace::api
