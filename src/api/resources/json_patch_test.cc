#include "api/resources/json_patch.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::api {
namespace {

Json Of(const std::string& text) { return ParseJson(text).value(); }

TEST(JsonPatch, DoesWhatItsOperationsSay) {
  struct Case {
    const char* document;
    const char* patch;
    const char* after;
  };
  // Examples of RFC 6902, appendix A, and what kubectl sends.
  const Case cases[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"baz":"qux","foo":"bar"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc"]}])",
       R"({"foo":["bar",["abc"]]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"baz":"qux"})", R"([{"op":"replace","path":"/baz","value":"boo"}])", R"({"baz":"boo"})"},
      {R"({"a":{"b":1},"c":{}})", R"([{"op":"move","from":"/a/b","path":"/c/d"}])",
       R"({"a":{},"c":{"d":1}})"},
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":1},{"op":"copy","from":"/a","path":"/b"}])",
       R"({"a":1,"b":1})"},
      {R"({"labels":{"x/y":"1"}})", R"([{"op":"remove","path":"/labels/x~1y"}])", R"({"labels":{}})"},
      {R"({"a":1})", "[]", R"({"a":1})"},
  };
  for (const Case& one : cases) {
    const Result<Json> after = ApplyJsonPatch(Of(one.document), Of(one.patch));
    ASSERT_TRUE(after.ok()) << one.patch << ": " << after.status().ToString();
    EXPECT_EQ(*after, Of(one.after)) << one.patch;
  }
}

TEST(JsonPatch, WhatCannotBeDoneIsNamed) {
  const Json document = Of(R"({"a":{"b":1},"list":[1]})");
  for (const char* patch :
       {R"({})", R"([1])", R"([{"op":"add"}])", R"([{"op":"grow","path":"/a"}])",
        R"([{"op":"remove","path":"/c"}])", R"([{"op":"add","path":"/c/d","value":1}])",
        R"([{"op":"test","path":"/a/b","value":2}])", R"([{"op":"replace","path":"/list/7","value":2}])",
        R"([{"op":"add","path":"a","value":2}])", R"([{"op":"copy","from":"/nowhere","path":"/b"}])",
        R"([{"op":"copy","path":"/b"}])", R"([{"op":7,"path":"/b"}])",
        R"([{"op":"add","path":"/list/x","value":1}])",
        R"([{"op":"add","path":"/list/99999999999999999999","value":1}])"}) {
    const Result<Json> after = ApplyJsonPatch(document, Of(patch));
    EXPECT_EQ(after.status().code(), Code::kInvalidArgument) << patch;
  }
  const Result<Json> after = ApplyJsonPatch(document, Of(R"([{"op":"remove","path":"/c"}])"));
  EXPECT_EQ(after.status().message().substr(0, 56),
            R"(operation 1 of the patch, {"op":"remove","path":"/c"}: k)")
      << after.status().message();
}

TEST(JsonPatch, CopiesOfCopiesEndAtTheLimit) {
  Json patch = Json::array();
  for (int i = 0; i < 40; ++i) patch.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/a/-"}});
  const Result<Json> after = ApplyJsonPatch(Of(R"({"a":["0123456789"]})"), patch);
  EXPECT_EQ(after.status().code(), Code::kInvalidArgument);
  EXPECT_NE(after.status().message().find("copies"), std::string::npos) << after.status().message();
}

}  // namespace
}  // namespace millrace::api
