// Resources as objects of the Kubernetes API, and the changes of them as the
// patches that say nothing but the change: what others wrote into an object, and
// what this program has no field for (owners of other groups, say), stays.
//
// Internal to KubeStore. Pure; thread safe.
#pragma once

#include <string>

#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/resource_name.h"
#include "resource/resource.h"

namespace millrace::resource {

// By the name of a known kind.
kube::GroupVersionResource ObjectsOf(const std::string& kind);
kube::ObjectName ObjectOf(const ResourceKey& key);

// An object of the API. Who applied it (Metadata::manager) is not read: the
// server notes that by field.
Result<Resource> FromObject(const Json& object);

// To be created: what the server sets itself is left out.
Json NewObject(const Resource& resource);
// For a server-side apply: the fields that we want to own; the version, if one is given.
Json AppliedObject(const Resource& resource);

// Merge patches that make `after` of `before`, valid for `before` alone (its uid
// and version stand in them); null when nothing is to be done. `object` is
// `before` as the server has it, for the owners in it.
Json ChangeOf(const Resource& before, const Resource& after, const Json& object);
Json StatusChangeOf(const Resource& before, const Json& status);

// Whether a version at least as new as `wanted` was `seen`. Versions of one
// resource are decimal numbers that grow (KEP-5504); of any that are not it is
// said that they are, so that nobody waits for them.
bool IsAtLeast(const std::string& seen, const std::string& wanted);

}  // namespace millrace::resource
