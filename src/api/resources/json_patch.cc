#include "api/resources/json_patch.h"

#include "base/json.h"

namespace millrace::api {
namespace {

// The library's own message without its prefix: "[json.exception.out_of_range.403] key 'a' not found".
std::string Cause(const Json::exception& error) {
  const std::string text = error.what();
  const size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

size_t CopiedBytes(const Json& document, const Json& operation) {
  if (!operation.is_object() || operation.value("op", "") != "copy") return 0;
  return FormatJson(document.at(Json::json_pointer(operation.at("from").get<std::string>()))).size();
}

}  // namespace

Result<Json> ApplyJsonPatch(Json document, const Json& operations) {
  if (!operations.is_array()) return InvalidArgument("a JSON patch is a list of operations");
  if (operations.size() > kMaxPatchOperations) {
    return InvalidArgument("the patch has {} operations; at most {} are taken", operations.size(),
                           kMaxPatchOperations);
  }
  size_t copied = 0;
  for (size_t i = 0; i < operations.size(); ++i) {
    try {
      copied += CopiedBytes(document, operations[i]);
      if (copied > kMaxPatchCopies) {
        return InvalidArgument("operation {} of the patch: the copies are larger than {} bytes", i + 1,
                               kMaxPatchCopies);
      }
      document.patch_inplace(Json::array({operations[i]}));
    } catch (const Json::exception& error) {
      return InvalidArgument("operation {} of the patch, {}: {}", i + 1, FormatJson(operations[i]),
                             Cause(error));
    }
  }
  return document;
}

}  // namespace millrace::api
