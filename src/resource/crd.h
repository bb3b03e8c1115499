// The CustomResourceDefinitions of the kinds: what `kubectl apply` installs, so
// that a Kubernetes API server knows the kinds, checks them and shows them.
//
//   std::cout << CustomResourceDefinitionsYaml();       // `millrace crds`
//
// The schema refuses by itself what `millrace validate` refuses in one resource:
// its structure in the API server's words, the rest by CEL rules in ours. What
// takes other resources, a compiler or the time zones' names is left to whoever
// admits the resource later (docs/adr/0024-what-the-api-server-checks.md).
//
// Pure; thread safe.
#pragma once

#include <string>

#include "base/json_fwd.h"
#include "resource/kind.h"

namespace millrace::resource {

// Of apiextensions.k8s.io/v1.
Json CustomResourceDefinition(const Kind& kind);

// All kinds', as one YAML file: deploy/crds.yaml.
std::string CustomResourceDefinitionsYaml();

}  // namespace millrace::resource
