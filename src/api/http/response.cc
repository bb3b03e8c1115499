#include "api/http/response.h"

#include "base/json.h"

namespace millrace::http {

Response Response::OfJson(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response Response::OfText(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

Response Response::OfStream(std::string_view content_type, std::unique_ptr<BodyStream> stream) {
  Response response;
  response.content_type = content_type;
  response.stream = std::move(stream);
  return response;
}

Response Response::Empty(int status) {
  Response response;
  response.status = status;
  response.content_type = {};
  return response;
}

std::string JsonQuote(std::string_view text) { return FormatJson(Json(std::string(text))); }

}  // namespace millrace::http
