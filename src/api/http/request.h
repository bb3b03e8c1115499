// Request: one HTTP request, as a handler sees it.
//
// It is made by the server, which has already checked the request line, the
// limits, Host and Origin, the identity and the permission. Every view points
// into the connection's buffers and is valid until the handler returns; a
// handler that keeps something copies it. Read-only, one thread at a time.
//
//   std::string_view model = request.Param("model");
//   std::optional<std::string> limit = request.Query("limit");
//   if (!request.Allows(Permission::kPredict, project)) …
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "security/authorizer.h"
#include "security/identity.h"

namespace millrace::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions };
inline constexpr size_t kMethods = 7;
std::string_view MethodName(Method method);
std::optional<Method> ParseMethod(std::string_view name);

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

struct PathParam {
  std::string_view name;   // as the route writes it, without the braces
  std::string_view value;  // percent-decoded
};

class Request {
 public:
  Method method = Method::kGet;
  std::string_view target;  // as it was sent: path and query
  std::string_view path;    // still percent-encoded
  std::string_view query;   // after the '?', still encoded; "" when there is none
  std::string_view body;
  std::span<const HeaderView> headers;
  std::span<const PathParam> params;
  std::string_view id;  // what the response's x-request-id says
  bool tls = false;
  const security::Identity* identity = nullptr;  // never null in a handler
  const security::Grants* grants = nullptr;      // never null in a handler
  std::string* buffer = nullptr;                 // see TakeBuffer

  // The value of `{name}` in the route's pattern. Precondition: the pattern has it.
  std::string_view Param(std::string_view name) const;
  // The first header of that name, whatever its case; "" when there is none.
  std::string_view Header(std::string_view name) const;
  // A query parameter, decoded; nullopt when it is not there ("?watch" is "").
  std::optional<std::string> Query(std::string_view name) const;
  // "true" and "1" (and a bare name) are true; anything else, or nothing, is false.
  bool QueryFlag(std::string_view name) const;
  // The media type of the body without parameters, lower case: "application/json".
  std::string ContentType() const;

  // Whether the caller may do that in that Project ("" is the platform): how
  // handlers of routes with Scope::kAnyProject filter what they show.
  bool Allows(security::Permission permission, std::string_view project) const;

  // An empty string that has the capacity of an earlier response of this
  // connection: a response built in it allocates nothing.
  std::string TakeBuffer() const;
};

// Decodes %XX; nullopt for a broken escape, a NUL, or bytes that are not UTF-8.
// `plus_is_space` is for queries.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);

}  // namespace millrace::http
