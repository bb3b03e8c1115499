#include "api/http/router.h"

#include <gtest/gtest.h>

#include "api/http/status_http.h"
#include "base/percent.h"

namespace millrace::http {
namespace {

using security::Permission;

Response Nothing(const Request&) { return Response::Empty(204); }

// A route without a permission does not compile; one with it does.
template <typename R>
concept AddsWithoutPermission =
    requires(R router) { router.Add(Method::kGet, std::string("/x"), Handler(Nothing)); };
template <typename R>
concept AddsWithPermission = requires(R router) {
  router.template Add<Permission::kPredict>(Method::kGet, std::string("/x"), Handler(Nothing));
};
static_assert(!AddsWithoutPermission<Router>);
static_assert(AddsWithPermission<Router>);
// Nor is there a permission that means "none" for a default to slip in by.
static_assert(static_cast<int>(Permission::kPublic) != 0);

Router Some() {
  Router router;
  for (const char* pattern : {"/", "/v2", "/v2/models/{model}", "/v2/models/{model}/infer",
                              "/v2/models/{model}/versions/{version}/infer", "/ns/{project}/{plural}/{name}",
                              "/ns/{project}/models/{model}/versions", "/files/{path...}", "/files/index"}) {
    router.Add<Permission::kPredict>(Method::kGet, pattern, Nothing);
  }
  router.Add<Permission::kPush>(Method::kPost, "/v2/models/{model}/infer", Nothing);
  router.Add<Permission::kPush>(Method::kPut, "/ns/{project}/{plural}/{name}", Nothing);
  return router;
}

TEST(Router, FindsTheRouteAndItsParameters) {
  Router router = Some();
  struct Case {
    Method method;
    const char* path;
    const char* pattern;  // "" for none
    std::vector<std::string> values;
  } cases[] = {
      {Method::kGet, "/", "/", {}},
      {Method::kGet, "/v2", "/v2", {}},
      {Method::kGet, "/v2/", "/v2", {}},
      {Method::kHead, "/v2", "/v2", {}},
      {Method::kGet, "/v2/models/fraud", "/v2/models/{model}", {"fraud"}},
      {Method::kPost, "/v2/models/fraud/infer", "/v2/models/{model}/infer", {"fraud"}},
      {Method::kGet,
       "/v2/models/a/versions/3/infer",
       "/v2/models/{model}/versions/{version}/infer",
       {"a", "3"}},
      {Method::kGet, "/ns/p/models/m", "/ns/{project}/{plural}/{name}", {"p", "models", "m"}},
      {Method::kGet, "/ns/p/models/m/versions", "/ns/{project}/models/{model}/versions", {"p", "m"}},
      {Method::kPut, "/ns/p/models/m", "/ns/{project}/{plural}/{name}", {"p", "models", "m"}},
      {Method::kGet, "/files/a/b/c", "/files/{path...}", {"a/b/c"}},
      {Method::kGet, "/files/index", "/files/index", {}},
      {Method::kGet, "/files/index/x", "/files/{path...}", {"index/x"}},
      {Method::kGet, "/v2/models//infer", "", {}},
      {Method::kGet, "/ns/p/models/m/versions/x", "", {}},
      {Method::kGet, "/v3", "", {}},
      {Method::kGet, "", "", {}},
      {Method::kGet, "v2", "", {}},
      {Method::kGet, "//v2", "", {}},
      {Method::kDelete, "/v2", "", {}},
      {Method::kGet, "/v2/models/{model}", "/v2/models/{model}", {"{model}"}},
  };
  for (const Case& c : cases) {
    Router::Match match = router.Find(c.method, c.path);
    ASSERT_EQ(match.route != nullptr, c.pattern[0] != '\0') << c.path;
    if (match.route == nullptr) continue;
    EXPECT_EQ(match.route->pattern, c.pattern) << c.path;
    ASSERT_EQ(match.num_params, c.values.size()) << c.path;
    for (size_t i = 0; i < c.values.size(); ++i) EXPECT_EQ(match.params[i].second, c.values[i]) << c.path;
  }
}

TEST(Router, TellsWhichMethodsAPathHas) {
  Router router = Some();
  auto bit = [](Method m) { return 1U << static_cast<unsigned>(m); };
  EXPECT_EQ(router.Find(Method::kDelete, "/v2/models/m/infer").allowed,
            bit(Method::kGet) | bit(Method::kHead) | bit(Method::kPost));
  EXPECT_EQ(router.Find(Method::kGet, "/nowhere").allowed, 0);
}

TEST(Router, TheLongestPrefixWritesTheError) {
  Router router;
  router.ErrorsBelow("/v2", [](int status, const Status&) { return Response::OfText(status, "", "v2"); });
  router.ErrorsBelow("/v2/models",
                     [](int status, const Status&) { return Response::OfText(status, "", "models"); });
  Status error = NotFound("no \"such\"");
  EXPECT_EQ(router.Error("/v2/models/x", error).body, "models");
  EXPECT_EQ(router.Error("/v2/modelsx", error).body, "v2");
  EXPECT_EQ(router.Error("/v2", error).body, "v2");
  EXPECT_EQ(router.Error("/v2x", error).body, "{\"error\":\"no \\\"such\\\"\"}\n");
  EXPECT_EQ(router.Error("/", error).status, 404);
}

TEST(RouterDeathTest, AContradictionEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // libraries have threads of their own
  EXPECT_DEATH(
      {
        Router router;
        router.Add<Permission::kPush>(Method::kGet, "/a", Nothing);
        router.Add<Permission::kPush>(Method::kGet, "/a", Nothing);
      },
      "declared twice");
  EXPECT_DEATH(
      {
        Router router;
        router.Add<Permission::kPush>(Method::kGet, "/a", Nothing, {.scope = Scope::kProjectParam});
      },
      "has no");
}

TEST(Percent, DecodesWhatIsWellFormed) {
  struct Case {
    const char* text;
    bool plus;
    std::optional<std::string> decoded;
  } cases[] = {
      {"", false, ""},
      {"a%20b", false, "a b"},
      {"a+b", false, "a+b"},
      {"a+b", true, "a b"},
      {"%C3%a9", false, "é"},
      {"%", false, {}},
      {"%1", false, {}},
      {"%zz", false, {}},
      {"%00", false, {}},
      {"%ff", false, {}},
      {"%c0%af", false, {}},
      {"%ed%a0%80", false, {}},
      {"%2e%2e", false, ".."},
      {"%f0%9f%98%80", false, "\xf0\x9f\x98\x80"},
      {"%f5%80%80%80", false, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(PercentDecode(c.text, c.plus), c.decoded) << c.text;
  std::string all;
  for (int i = 1; i < 128; ++i) all += static_cast<char>(i);
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
}

TEST(Request, ReadsQueriesAndHeaders) {
  HeaderView headers[] = {{"Content-Type", "Application/JSON ; charset=utf-8"}, {"X-A", "1"}, {"x-a", "2"}};
  Request request;
  request.headers = headers;
  request.query = "a=1&b=x%20y&c&d=&a=2&%65=z&f=%zz&watch=true&no=false";
  EXPECT_EQ(request.Header("x-A"), "1");
  EXPECT_EQ(request.Header("none"), "");
  EXPECT_EQ(request.ContentType(), "application/json");
  EXPECT_EQ(request.Query("a"), "1");
  EXPECT_EQ(request.Query("b"), "x y");
  EXPECT_EQ(request.Query("c"), "");
  EXPECT_EQ(request.Query("e"), "z");
  EXPECT_EQ(request.Query("f"), std::nullopt);
  EXPECT_EQ(request.Query("g"), std::nullopt);
  EXPECT_TRUE(request.QueryFlag("watch") && request.QueryFlag("c"));
  EXPECT_FALSE(request.QueryFlag("no") || request.QueryFlag("g"));
}

TEST(HttpStatus, EachCodeHasOneAndItsPhrase) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    Code code = static_cast<Code>(i);
    int status = HttpStatusOf(code);
    EXPECT_NE(ReasonPhrase(status), "") << CodeName(code);
    EXPECT_EQ(HttpStatusOf(CodeOfHttpStatus(status)), status) << CodeName(code);
  }
}

}  // namespace
}  // namespace millrace::http
