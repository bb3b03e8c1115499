// Bodies and query parameters of the resource API, parsed and checked. Pure
// functions; what is wrong comes back as a response to send.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "api/http/request.h"
#include "api/http/response.h"
#include "base/json_fwd.h"
#include "resource/kind.h"
#include "resource/resource.h"
#include "resource/store.h"

namespace millrace::api {

// One document, JSON or YAML by its Content-Type.
Result<Json> ParseBody(const http::Request& request);

// A resource that may stand at this path: of that kind, in that project and (unless
// `name` is "") of that name, which are filled in where the body leaves them out. A response says what is
// wrong.
std::variant<resource::Resource, http::Response> ResourceOf(Json document, const resource::Kind& kind,
                                                            const std::string& project,
                                                            const std::string& name);

// actor, manager, dry run, and the admission check.
resource::WriteOptions WriteOptionsOf(const http::Request& request);

// metadata.name and metadata.namespace, the only fields that are indexed.
struct FieldSelector {
  std::string name;
  std::string project;
};
Result<FieldSelector> ParseFieldSelector(std::string_view text);

// A non-negative number in the query; `otherwise` when it is not there.
Result<int64_t> QueryNumber(const http::Request& request, std::string_view name, int64_t otherwise);

// Whether Accept asks for a Table before plain JSON.
bool WantsTable(const http::Request& request);

}  // namespace millrace::api
