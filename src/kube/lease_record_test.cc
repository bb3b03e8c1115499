#include "kube/lease_record.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::kube {
namespace {

using std::chrono::seconds;
const std::chrono::steady_clock::time_point kSeen{seconds(1000)};
const EventTime kNow = ParseTime("2026-11-24T10:00:00.5Z").value();

ObservedLease Held(const std::string& holder, int64_t duration = 15) {
  return {{holder, duration, kNow, kNow, 3}, kSeen};
}

TEST(LeaseDecision, FollowsTheTable) {
  const struct {
    const char* what;
    std::optional<ObservedLease> observed;
    int64_t seconds_later;
    LeaseAction action;
  } kTable[] = {
      {"there is none", std::nullopt, 0, LeaseAction::kCreate},
      {"ours", Held("me"), 1, LeaseAction::kRenew},
      {"ours, and long over", Held("me"), 1000, LeaseAction::kRenew},
      {"another's, just seen", Held("you"), 0, LeaseAction::kWait},
      {"another's, in force", Held("you"), 14, LeaseAction::kWait},
      {"another's, over", Held("you"), 15, LeaseAction::kTake},
      {"released", Held(""), 0, LeaseAction::kTake},
      {"another's, without a duration", Held("you", 0), 0, LeaseAction::kTake},
      {"another's, of a negative duration", Held("you", -5), 0, LeaseAction::kTake},
      {"another's, for ever", Held("you", INT64_MAX), 1000000, LeaseAction::kWait},
  };
  for (const auto& row : kTable) {
    EXPECT_EQ(DecideLease(row.observed, "me", kSeen + seconds(row.seconds_later)), row.action) << row.what;
  }
}

TEST(LeaseDecision, WallClocksOfOthersDoNotCount) {
  ObservedLease lease = Held("you");
  lease.record.renewed = ParseTime("1990-01-01T00:00:00Z").value();
  EXPECT_EQ(DecideLease(lease, "me", kSeen + seconds(1)), LeaseAction::kWait);
}

TEST(LeaseRecord, TransitionsCountChangesOfTheHolder) {
  const LeaseRecord created = NextLease(LeaseAction::kCreate, std::nullopt, "me", seconds(15), kNow);
  EXPECT_EQ(created, (LeaseRecord{"me", 15, kNow, kNow, 0}));
  EXPECT_EQ(NextLease(LeaseAction::kTake, Held("you"), "me", seconds(15), kNow).transitions, 4);
  const EventTime later = kNow + Micros(seconds(5));
  const LeaseRecord renewed = NextLease(LeaseAction::kRenew, Held("me"), "me", seconds(15), later);
  EXPECT_EQ(renewed, (LeaseRecord{"me", 15, kNow, later, 3}));
  const LeaseRecord released = ReleasedLease(renewed, later);
  EXPECT_EQ(released.holder, "");
  EXPECT_EQ(released.duration_seconds, 1);
  EXPECT_EQ(released.transitions, 3);
}

TEST(LeaseRecord, IsWrittenAndReadBack) {
  const LeaseRecord record{"me", 15, kNow, kNow, 2};
  const Json spec = LeaseSpec(record);
  EXPECT_EQ(spec["renewTime"], "2026-11-24T10:00:00.500000Z");
  EXPECT_EQ(ReadLease({{"spec", spec}}).value(), record);
  EXPECT_EQ(ReadLease(Json::object()).value(), LeaseRecord());
  EXPECT_EQ(ReadLease({{"spec", {{"holderIdentity", nullptr}, {"renewTime", nullptr}}}}).value(),
            LeaseRecord());
  for (const char* text : {"7", R"({"spec":7})", R"({"spec":{"leaseDurationSeconds":"x"}})",
                           R"({"spec":{"renewTime":"soon"}})", R"({"spec":{"acquireTime":7}})"}) {
    EXPECT_FALSE(ReadLease(ParseJson(text).value()).ok()) << text;
  }
}

}  // namespace
}  // namespace millrace::kube
