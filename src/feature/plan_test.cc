#include "feature/plan.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "feature/testing/random_world.h"

namespace millrace::feature {
namespace {

using Kind = resource::ServiceItem::Kind;

resource::FeatureViewSpec ViewSpec() {
  resource::FeatureViewSpec spec;
  spec.source = "world";
  spec.entities = {"part"};
  spec.delay = Micros(testing::kKnownAfter);
  spec.windows = {std::chrono::hours(24), std::chrono::hours(36)};
  spec.features = {{"n", "count", "", "", nullptr}, {"late_share", "mean", "late", "", 0}};
  return spec;
}

resource::FeatureServiceSpec ServiceSpec() {
  resource::FeatureServiceSpec spec;
  spec.items = {{Kind::kRequest, "amount", "", std::nullopt, {}},
                {Kind::kExpression, "big", "amount>100", std::nullopt, {}},
                {Kind::kView, "v", "", std::nullopt, {}}};
  return spec;
}

TEST(ViewPlan, FeaturesAreNamedOncePerWindow) {
  const ViewPlanPtr plan = CompileView("v", ViewSpec(), testing::WorldSource()).value();
  EXPECT_EQ(plan->OutputSchema().Names(),
            (std::vector<std::string>{"n_1d", "n_1d12h", "late_share_1d", "late_share_1d12h"}));
  EXPECT_EQ(plan->Outputs("late_share").value(), (std::vector<size_t>{2, 3}));
  EXPECT_EQ(plan->Outputs("n_1d").value(), (std::vector<size_t>{0}));
  EXPECT_NE(plan->Outputs("n_1w").status().message().find("n_1d"), std::string::npos);
}

struct Refusal {
  const char* name;
  std::function<void(resource::FeatureViewSpec&)> change;
  const char* says;
};

class RefusedView : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedView, SaysWhatWouldBeRight) {
  resource::FeatureViewSpec spec = ViewSpec();
  GetParam().change(spec);
  const Result<ViewPlanPtr> plan = CompileView("v", spec, testing::WorldSource());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), Code::kInvalidArgument);
  EXPECT_NE(plan.status().message().find(GetParam().says), std::string::npos) << plan.status().message();
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, RefusedView,
    ::testing::Values(
        Refusal{"Leakage", [](auto& s) { s.delay = Micros(1); }, "late is known only 4s after its event"},
        Refusal{"LeakageInWhere",
                [](auto& s) {
                  s.delay = Micros(0);
                  s.features.pop_back();
                  s.where = "late = 1 or late == 1";
                },
                "spec.where"},
        Refusal{"UnknownKey", [](auto& s) { s.entities = {"prat"}; }, "did you mean 'part'"},
        Refusal{"DoubleKey", [](auto& s) { s.entities = {"amount"}; }, "amount is double"},
        Refusal{"LateKey", [](auto& s) { s.entities = {"late"}; }, "cannot be a key"},
        Refusal{"NoWindow", [](auto& s) { s.windows.clear(); }, "at least one window"},
        Refusal{"WindowTwice", [](auto& s) { s.windows.push_back(s.windows[0]); }, "1d is listed twice"},
        Refusal{"Aggregate", [](auto& s) { s.features[0].aggregate = "cuont"; }, "did you mean 'count'"},
        Refusal{"CountOf", [](auto& s) { s.features[0].of = "amount"; }, "takes no value"},
        Refusal{"MeanOfNothing", [](auto& s) { s.features[1].of = ""; }, "needs a column"},
        Refusal{"MeanOfText", [](auto& s) { s.features[1].of = "text"; }, "needs numbers"},
        Refusal{"NameTwice", [](auto& s) { s.features[1].name = "n"; }, "taken by another feature"},
        Refusal{"Condition", [](auto& s) { s.features[0].where = "amount"; }, "a condition is bool"},
        Refusal{"Default", [](auto& s) { s.features[1].default_value = "x"; }, "is no double"}),
    [](const auto& test) { return test.param.name; });

TEST(ViewPlan, TheDigestCoversWhatDeterminesValuesAndNoSpelling) {
  const ViewPlanPtr plan = CompileView("v", ViewSpec(), testing::WorldSource()).value();
  resource::FeatureViewSpec spelled = ViewSpec();
  spelled.features[1].of = " ( late ) ";
  EXPECT_EQ(CompileView("v", spelled, testing::WorldSource()).value()->digest, plan->digest);
  resource::FeatureViewSpec longer = ViewSpec();
  longer.windows[0] = std::chrono::hours(25);
  EXPECT_NE(CompileView("v", longer, testing::WorldSource()).value()->digest, plan->digest);
  SourcePlan later = testing::WorldSource();
  later.lateness = Micros(1);
  EXPECT_EQ(CompileView("v", ViewSpec(), later).value()->digest, plan->digest);
}

TEST(ServicePlan, InputsAreOrderedTypedAndNamed) {
  const std::vector<ViewPlanPtr> views = {CompileView("v", ViewSpec(), testing::WorldSource()).value()};
  const ServicePlanPtr plan = CompileService("s", ServiceSpec(), testing::WorldSource(), views).value();
  EXPECT_EQ(plan->InputNames(), (std::vector<std::string>{"amount", "big", "n_1d", "n_1d12h", "late_share_1d",
                                                          "late_share_1d12h"}));
  EXPECT_EQ(plan->fields.Names(), (std::vector<std::string>{"at", "id", "amount", "part"}));
  EXPECT_FALSE(plan->views[0].counts_event) << "its delay keeps the event out";
}

TEST(ServicePlan, NamesThatOccurTwiceCarryTheirView) {
  resource::FeatureViewSpec by_name = ViewSpec();
  by_name.entities = {"name"};
  const std::vector<ViewPlanPtr> views = {CompileView("v", ViewSpec(), testing::WorldSource()).value(),
                                          CompileView("w", by_name, testing::WorldSource()).value()};
  resource::FeatureServiceSpec spec;
  spec.items = {{Kind::kView, "v", "", std::nullopt, {"n_1d"}},
                {Kind::kView, "w", "", std::nullopt, {"n_1d", "late_share_1d"}}};
  const ServicePlanPtr plan = CompileService("s", spec, testing::WorldSource(), views).value();
  EXPECT_EQ(plan->InputNames(), (std::vector<std::string>{"v__n_1d", "w__n_1d", "late_share_1d"}));
}

TEST(ServicePlan, FrozenAndReadBackItIsTheSame) {
  const std::vector<ViewPlanPtr> views = {CompileView("v", ViewSpec(), testing::WorldSource()).value()};
  const ServicePlanPtr plan = CompileService("s", ServiceSpec(), testing::WorldSource(), views).value();
  const Result<ServicePlanPtr> back = ServicePlan::FromJson(ParseJson(FormatJson(plan->ToJson())).value());
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ((*back)->digest, plan->digest);
  EXPECT_EQ((*back)->InputNames(), plan->InputNames());
  Json changed = plan->ToJson();
  changed["views"][0]["delay"] = testing::kKnownAfter + 1;
  EXPECT_EQ(ServicePlan::FromJson(changed).status().code(), Code::kDataLoss);
  changed = plan->ToJson();
  changed["format"] = 99;
  EXPECT_EQ(ServicePlan::FromJson(changed).status().code(), Code::kFailedPrecondition);
  for (const char* member : {"name", "items", "views", "source", "digest"}) {
    changed = plan->ToJson();
    changed.erase(member);
    EXPECT_FALSE(ServicePlan::FromJson(changed).ok()) << member;
  }
}

TEST(ServicePlan, WhatNoRequestCanHoldIsRefused) {
  const std::vector<ViewPlanPtr> views = {CompileView("v", ViewSpec(), testing::WorldSource()).value()};
  const auto refusal = [&](resource::ServiceItem item) {
    resource::FeatureServiceSpec spec;
    spec.items = {std::move(item)};
    return CompileService("s", spec, testing::WorldSource(), views).status().message();
  };
  EXPECT_NE(refusal({Kind::kRequest, "late", "", std::nullopt, {}}).find("known only"), std::string::npos);
  EXPECT_NE(refusal({Kind::kExpression, "e", "late + 1", std::nullopt, {}}).find("known only"),
            std::string::npos);
  EXPECT_NE(refusal({Kind::kRequest, "text", "", std::nullopt, {}}).find("is string"), std::string::npos);
  EXPECT_NE(refusal({Kind::kRequest, "amuont", "", std::nullopt, {}}).find("amount"), std::string::npos);
  EXPECT_NE(refusal({Kind::kRequest, "amount", "", DataType::kInt64, {}}).find("not int64"),
            std::string::npos);
  EXPECT_NE(refusal({Kind::kView, "vv", "", std::nullopt, {}}).find("no FeatureView"), std::string::npos);
}

TEST(ServicePlan, ALabelAmongTheInputsOrAGapTooShortIsLeakage) {
  resource::FeatureViewSpec own = ViewSpec();
  own.delay = Micros(0);
  own.features = {{"m", "max", "whole", "", nullptr}};
  const std::vector<ViewPlanPtr> views = {CompileView("v", own, testing::WorldSource()).value()};
  const ServicePlanPtr plan = CompileService("s", ServiceSpec(), testing::WorldSource(), views).value();
  EXPECT_FALSE(CheckLabel(*plan, "amount", Micros(0)).ok()) << "an input, and read by an expression";
  EXPECT_FALSE(CheckLabel(*plan, "whole", Micros(0)).ok()) << "its own event's value is in the window";
  EXPECT_FALSE(CheckLabel(*plan, "late", Micros(testing::kKnownAfter - 1)).ok()) << "the gap";
  EXPECT_TRUE(CheckLabel(*plan, "late", Micros(testing::kKnownAfter)).ok());
  EXPECT_FALSE(CheckLabel(*plan, "lat", Micros(0)).ok());
}

}  // namespace
}  // namespace millrace::feature
