// The Kubernetes API's forms: Status, lists, Tables, discovery documents.
// Pure functions from Millrace's values to JSON; used by the resource API's
// handlers and by the routes beside it, whose errors are Status objects, too.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/http/response.h"
#include "base/json_fwd.h"
#include "base/status.h"
#include "base/time.h"
#include "resource/diagnostics.h"
#include "resource/kind.h"
#include "resource/resource.h"

namespace millrace::api {

inline constexpr std::string_view kApisRoot = "/apis/millrace.dev/v1alpha1";

// "NotFound", "AlreadyExists", "Invalid", "Expired", …
std::string_view KubeReason(int http_status, const Status& status);

// The Status object of an error; http_status 0 takes the code's own.
Json KubeStatus(int http_status, const Status& status);
http::Response KubeError(int http_status, const Status& status);
http::Response KubeError(const Status& status);
// 422 Invalid, with one cause a problem: field, message, and file, line and column where they are known.
http::Response KubeInvalid(const resource::Diagnostics& diagnostics);
// Reads the causes back; empty when there are none.
resource::Diagnostics DiagnosticsOf(const Json& status);

http::Response KubeObject(int http_status, const Json& object);

struct ListMeta {
  std::string resource_version;
  std::string continue_token;
};
Json KubeList(const resource::Kind& kind, std::span<const resource::Resource> items, const ListMeta& meta);

// The form for people: name, the kind's columns, age. `with_columns` is false
// for the later events of a watch.
Json KubeTable(const resource::Kind& kind, std::span<const resource::Resource> items, const ListMeta& meta,
               EventTime now, bool with_columns = true);
// "45s", "12m", "3h40m", "5d", as kubectl writes ages.
std::string AgeText(Micros age);

Json ApiVersions();
Json ApiGroupList();
Json ApiGroup();
Json ApiResourceList();
Json OpenApiIndex();
Json OpenApi();

}  // namespace millrace::api
