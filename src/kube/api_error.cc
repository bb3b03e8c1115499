#include "kube/api_error.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"

namespace millrace::kube {
namespace {

constexpr std::string_view kExpired = "expired: ";
constexpr size_t kMaxText = 4096;
constexpr size_t kMaxCauses = 32;

struct ApiStatus {
  int code = 0;
  std::string reason;
  std::string message;
  Json causes = Json::array();
};

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string Shortened(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.size() > kMaxText) text = text.substr(0, kMaxText) + " …";
  return text;
}

ApiStatus Read(const Json& body, int http_status) {
  ApiStatus status;
  status.code = http_status;
  if (!body.is_object()) return status;
  if (const auto code = body.find("code"); code != body.end() && code->is_number_integer()) {
    const auto value = code->get<int64_t>();
    if (value >= 400 && value < 600) status.code = static_cast<int>(value);
  }
  status.reason = TextAt(body, "reason");
  status.message = Shortened(TextAt(body, "message"));
  const auto details = body.find("details");
  if (details != body.end() && details->is_object()) {
    const auto causes = details->find("causes");
    if (causes != details->end() && causes->is_array()) status.causes = *causes;
  }
  return status;
}

Code CodeOf(const ApiStatus& status) {
  if (status.reason == "AlreadyExists") return Code::kAlreadyExists;
  if (status.reason == "Timeout" || status.reason == "ServerTimeout") return Code::kDeadlineExceeded;
  switch (status.code) {
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return status.message.find("exceeded quota") != std::string::npos ? Code::kResourceExhausted
                                                                        : Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 405:
    case 406:
    case 501:
      return Code::kUnimplemented;
    case 409:
      return Code::kConflict;
    case 413:
      return Code::kResourceExhausted;
    case 504:
      return Code::kDeadlineExceeded;
    default:
      return status.code < 500 && status.code != 429 ? Code::kInvalidArgument : Code::kUnavailable;
  }
}

// `.data.a is managed by "alice"`, from a cause of reason FieldManagerConflict.
std::string ManagerConflict(const Json& cause) {
  const std::string message = TextAt(cause, "message");
  const size_t open = message.find('"');
  const size_t close = open == std::string::npos ? open : message.find('"', open + 1);
  const std::string owner = close == std::string::npos ? message : message.substr(open, close - open + 1);
  return fmt::format("{} is managed by {}", TextAt(cause, "field"), owner);
}

std::string Causes(const Json& causes, bool apply_conflict) {
  std::vector<std::string> parts;
  for (const Json& cause : causes) {
    if (!cause.is_object()) continue;
    if (parts.size() == kMaxCauses) {
      parts.push_back(fmt::format("and {} more", causes.size() - kMaxCauses));
      break;
    }
    if (apply_conflict) {
      parts.push_back(ManagerConflict(cause));
      continue;
    }
    const std::string field = TextAt(cause, "field");
    const std::string message = TextAt(cause, "message");
    parts.push_back(field.empty() ? message : field + ": " + message);
  }
  return Shortened(Join(parts, "; "));
}

Status Sentence(const ApiStatus& status, std::string_view verb, std::string_view what) {
  const std::string message =
      status.message.empty() ? fmt::format("HTTP status {}", status.code) : status.message;
  if (status.code == 410) return Expired(fmt::format("{} {}: {}", verb, what, message));
  const Code code = CodeOf(status);
  const bool managers = code == Code::kConflict && !status.causes.empty() &&
                        std::any_of(status.causes.begin(), status.causes.end(), [](const Json& cause) {
                          return cause.is_object() && TextAt(cause, "reason") == "FieldManagerConflict";
                        });
  if (managers) {
    return Conflict("{} {}: fields of other managers stand otherwise: {}", verb, what,
                    Causes(status.causes, true));
  }
  if (status.code == 422 && !status.causes.empty()) {
    return InvalidArgument("{} {}: {}", verb, what, Causes(status.causes, false));
  }
  return Status(code, fmt::format("{} {}: {}", verb, what, message));
}

}  // namespace

Status ErrorFromResponse(int http_status, std::string_view body, std::string_view verb,
                         std::string_view what) {
  Result<Json> json = ParseJson(body);
  ApiStatus status;
  if (json.ok() && json->is_object()) {
    status = Read(*json, http_status);
  } else {
    status.message = IsUtf8(body.substr(0, kMaxText)) ? Shortened(std::string(body)) : "";
  }
  status.code = http_status;
  return Sentence(status, verb, what);
}

Status ErrorFromStatus(const Json& status, std::string_view verb, std::string_view what) {
  return Sentence(Read(status, 500), verb, what);
}

Status Expired(std::string_view what) { return FailedPrecondition("{}{}", kExpired, what); }

bool IsExpired(const Status& status) {
  return status.code() == Code::kFailedPrecondition && status.message().starts_with(kExpired);
}

}  // namespace millrace::kube
