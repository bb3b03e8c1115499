// ResourceHandlers: what each route of the resource API does. The routes
// themselves, with their permissions, are in resource_api.cc. Thread safe; may
// block on the store's disk.
#pragma once

#include <functional>
#include <variant>

#include "api/http/request.h"
#include "api/http/response.h"
#include "api/resources/resource_api.h"
#include "base/json.h"
#include "base/status.h"
#include "resource/kind.h"
#include "resource/store.h"

namespace millrace::api {

class ResourceHandlers {
 public:
  explicit ResourceHandlers(ResourceApiOptions options) : options_(std::move(options)) {}

  http::Response List(const http::Request& request);  // and watch
  http::Response Get(const http::Request& request);
  http::Response Create(const http::Request& request);
  http::Response Update(const http::Request& request);
  http::Response UpdateStatus(const http::Request& request);
  http::Response Patch(const http::Request& request);
  http::Response PatchStatus(const http::Request& request);
  http::Response Delete(const http::Request& request);
  http::Response ApplyAll(const http::Request& request);

 private:
  // What the path names. `name` is "" for a list.
  struct Place {
    const resource::Kind* kind = nullptr;
    std::string project;  // "" for all, and for Projects
    std::string name;
    resource::ResourceKey Key() const { return {kind->name, project, name}; }
  };
  static Result<Place> PlaceOf(const http::Request& request);
  // What a write's path and body ask for.
  struct Wanted {
    Place place;
    resource::Resource resource;
  };
  static std::variant<Wanted, http::Response> WantedOf(const http::Request& request);
  // What the path names, with a body that is a patch.
  struct WantedPatch {
    Place place;
    Json patch;
  };
  static std::variant<WantedPatch, http::Response> WantedPatchOf(const http::Request& request);
  // Calls `write` with the admission's check; what that finds is answered with a cause a problem.
  using WriteToStore = std::function<Result<resource::Applied>(const resource::WriteOptions&)>;
  http::Response Write(const http::Request& request, const Place& place, const WriteToStore& write);
  http::Response ApplyOne(const http::Request& request);
  http::Response PatchByOperations(const http::Request& request);
  http::Response WatchList(const http::Request& request, const Place& place);
  http::Response One(const http::Request& request, const Place& place, int status,
                     const resource::Resource& resource);

  ResourceApiOptions options_;
};

}  // namespace millrace::api
