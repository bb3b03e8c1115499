#include "kube/resource_name.h"

#include <array>

#include "base/percent.h"

namespace millrace::kube {
namespace {

constexpr size_t kMaxPart = 512;

Status CheckPart(std::string_view what, std::string_view part) {
  if (part.empty()) return InvalidArgument("a {} is missing", what);
  if (part.size() > kMaxPart)
    return InvalidArgument("a {} has {} bytes; {} at most", what, part.size(), kMaxPart);
  if (part == "." || part == "..") return InvalidArgument("'{}' is no {}", part, what);
  for (const char c : part) {
    if (c == '/' || c == '%' || static_cast<unsigned char>(c) < 0x21 || c == 0x7f) {
      return InvalidArgument("'{}' is no {}: a slash, a percent sign and spaces may not be in it", part,
                             what);
    }
  }
  return Ok();
}

std::string JoinVersion(const std::string& group, const std::string& version) {
  return group.empty() ? version : group + "/" + version;
}

}  // namespace

std::string GroupVersionKind::ApiVersion() const { return JoinVersion(group, version); }
std::string GroupVersionKind::ToString() const { return ApiVersion() + " " + kind; }
std::string GroupVersionResource::ApiVersion() const { return JoinVersion(group, version); }
std::string GroupVersionResource::ToString() const {
  return group.empty() ? resource : resource + "." + group;
}

Result<GroupVersionKind> ParseApiVersion(std::string_view api_version, std::string_view kind) {
  GroupVersionKind result;
  const size_t slash = api_version.find('/');
  if (slash != std::string_view::npos) {
    result.group = api_version.substr(0, slash);
    MR_RETURN_IF_ERROR(CheckPart("group", result.group));
    api_version.remove_prefix(slash + 1);
  }
  result.version = api_version;
  result.kind = kind;
  MR_RETURN_IF_ERROR(CheckPart("version", result.version));
  MR_RETURN_IF_ERROR(CheckPart("kind", result.kind));
  return result;
}

Result<std::string> PathOf(const ObjectName& object) {
  const GroupVersionResource& resource = object.resource;
  MR_RETURN_IF_ERROR(CheckPart("version", resource.version));
  MR_RETURN_IF_ERROR(CheckPart("resource", resource.resource));
  std::string path = resource.group.empty() ? "/api" : "/apis/" + PercentEncode(resource.group);
  if (!resource.group.empty()) MR_RETURN_IF_ERROR(CheckPart("group", resource.group));
  path += "/" + PercentEncode(resource.version);
  const auto add = [&path](std::string_view what, std::string_view part) {
    Status status = CheckPart(what, part);
    if (status.ok()) path += "/" + PercentEncode(part);
    return status;
  };
  if (!object.ns.empty()) {
    path += "/namespaces";
    MR_RETURN_IF_ERROR(add("namespace", object.ns));
  }
  MR_RETURN_IF_ERROR(add("resource", resource.resource));
  if (!object.name.empty()) MR_RETURN_IF_ERROR(add("name", object.name));
  if (!object.subresource.empty()) {
    if (object.name.empty()) return InvalidArgument("the subresource '{}' needs a name", object.subresource);
    MR_RETURN_IF_ERROR(add("subresource", object.subresource));
  }
  return path;
}

std::string Describe(const ObjectName& object) {
  std::string text = object.resource.ToString();
  if (!object.subresource.empty()) text += "/" + object.subresource;
  if (!object.name.empty()) text += " \"" + object.name + "\"";
  if (!object.ns.empty()) text += " in namespace \"" + object.ns + "\"";
  return text;
}

}  // namespace millrace::kube
