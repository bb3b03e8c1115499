#include "kube/api_error.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::kube {
namespace {

std::string Body(int code, const std::string& reason, const std::string& message,
                 const Json& causes = nullptr) {
  Json body = {
      {"kind", "Status"}, {"status", "Failure"}, {"code", code}, {"reason", reason}, {"message", message}};
  if (!causes.is_null()) body["details"]["causes"] = causes;
  return FormatJson(body);
}

TEST(ApiError, EachStatusHasItsCode) {
  const struct {
    int http;
    const char* reason;
    const char* message;
    Code code;
  } kTable[] = {
      {400, "BadRequest", "no", Code::kInvalidArgument},
      {401, "Unauthorized", "no", Code::kUnauthenticated},
      {403, "Forbidden", "pods is forbidden: User \"bob\" cannot list", Code::kPermissionDenied},
      {403, "Forbidden", "pods \"a\" is forbidden: exceeded quota: q", Code::kResourceExhausted},
      {404, "NotFound", "no", Code::kNotFound},
      {405, "MethodNotAllowed", "no", Code::kUnimplemented},
      {409, "AlreadyExists", "no", Code::kAlreadyExists},
      {409, "Conflict", "no", Code::kConflict},
      {410, "Expired", "too old", Code::kFailedPrecondition},
      {413, "RequestEntityTooLarge", "no", Code::kResourceExhausted},
      {415, "UnsupportedMediaType", "no", Code::kInvalidArgument},
      {422, "Invalid", "no", Code::kInvalidArgument},
      {429, "TooManyRequests", "no", Code::kUnavailable},
      {500, "InternalError", "no", Code::kUnavailable},
      {500, "ServerTimeout", "no", Code::kDeadlineExceeded},
      {503, "ServiceUnavailable", "no", Code::kUnavailable},
      {504, "Timeout", "no", Code::kDeadlineExceeded},
  };
  for (const auto& row : kTable) {
    const Status status =
        ErrorFromResponse(row.http, Body(row.http, row.reason, row.message), "list", "pods");
    EXPECT_EQ(status.code(), row.code) << row.http << " " << row.reason;
    EXPECT_NE(status.message().find(row.message), std::string::npos) << status.message();
    EXPECT_EQ(IsExpired(status), row.http == 410);
  }
}

TEST(ApiError, EveryCauseOfAnInvalidObjectIsNamed) {
  const Json causes = {
      {{"reason", "FieldValueRequired"}, {"message", "Required value"}, {"field", "spec.a"}},
      {{"reason", "FieldValueInvalid"}, {"message", "Invalid value: 7"}, {"field", "spec.b"}}};
  const Status status =
      ErrorFromResponse(422, Body(422, "Invalid", "is invalid: […]", causes), "create", "jobs.batch \"a\"");
  EXPECT_EQ(status.message(), "create jobs.batch \"a\": spec.a: Required value; spec.b: Invalid value: 7");
}

TEST(ApiError, AnApplyConflictNamesOwnersAndFields) {
  const Json causes = {{{"reason", "FieldManagerConflict"},
                        {"message", "conflict with \"kubectl-edit\" using v1"},
                        {"field", ".data.a"}},
                       {{"reason", "FieldManagerConflict"},
                        {"message", "conflict with \"helm\" using v1"},
                        {"field", ".data.b"}}};
  const Status status =
      ErrorFromResponse(409, Body(409, "Conflict", "Apply failed", causes), "apply", "configmaps \"a\"");
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_EQ(status.message(),
            "apply configmaps \"a\": fields of other managers stand otherwise: .data.a is managed by "
            "\"kubectl-edit\"; .data.b is managed by \"helm\"");
}

TEST(ApiError, WhatIsNoStatusStillGivesASentence) {
  EXPECT_EQ(ErrorFromResponse(502, "<html>bad gateway</html>\n", "get", "pods").message(),
            "get pods: <html>bad gateway</html>");
  EXPECT_EQ(ErrorFromResponse(503, "", "get", "pods").message(), "get pods: HTTP status 503");
  EXPECT_EQ(ErrorFromResponse(500, "\xff\xfe", "get", "pods").message(), "get pods: HTTP status 500");
  EXPECT_EQ(ErrorFromResponse(404, "[1]", "get", "pods").code(), Code::kNotFound);
  const std::string huge(100000, 'x');
  EXPECT_LT(ErrorFromResponse(500, huge, "get", "pods").message().size(), 5000U);
}

TEST(ApiError, CausesOfAnyFormAreSurvived) {
  for (const char* causes : {"[1,null,{}]", "{}", "\"x\"", "[{\"field\":7,\"message\":[]}]"}) {
    const std::string body =
        fmt::format(R"({{"code":422,"reason":"Invalid","message":"m","details":{{"causes":{}}}}})", causes);
    EXPECT_EQ(ErrorFromResponse(422, body, "create", "pods").code(), Code::kInvalidArgument);
  }
}

TEST(ApiError, AnErrorInsideAStreamIsReadByItsOwnCode) {
  const Json gone = {
      {"kind", "Status"}, {"code", 410}, {"reason", "Expired"}, {"message", "too old resource version"}};
  EXPECT_TRUE(IsExpired(ErrorFromStatus(gone, "watch", "pods")));
  EXPECT_EQ(ErrorFromStatus(Json(7), "watch", "pods").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace millrace::kube
