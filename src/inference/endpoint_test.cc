#include "inference/endpoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "inference/testing/models.h"
#include "inference/testing/serving.h"

namespace millrace::inference {
namespace {

using testing::Serving;

TEST(Endpoint, ServesNothingBeforeTheFirstSwapAndAfterUnload) {
  Serving serving;
  const auto endpoint = serving.MakeEndpoint();
  EXPECT_EQ(endpoint->Pin(), nullptr);
  ASSERT_TRUE(endpoint->Swap(serving.Model(1)).ok());
  ASSERT_NE(endpoint->Pin(), nullptr);
  EXPECT_EQ(endpoint->Pin()->model().version(), 1);
  endpoint->Unload();
  EXPECT_EQ(endpoint->Pin(), nullptr);
}

TEST(Endpoint, CountsTheVeryEventThatItScores) {
  Serving serving;
  const auto endpoint = serving.MakeEndpoint();
  ASSERT_TRUE(endpoint->Swap(serving.Model(1)).ok());
  const auto version = endpoint->Pin();
  const auto event = serving.Event(1, 10, 7, 9.5);
  ASSERT_EQ(event.size(), version->fields().size());
  const auto scores = version->ScoreEvents(event, 1);
  ASSERT_TRUE(scores.ok()) << scores.status().ToString();
  EXPECT_EQ(scores->features, (std::vector<double>{9.5, 1.0}));
  EXPECT_EQ(scores->predictions, std::vector<float>{1.5F});
  EXPECT_EQ(serving.Count(7, 11), 0) << "scoring alone leaves no trace";
}

TEST(Endpoint, LearnsAnEventOnceByItsId) {
  Serving serving;
  const auto endpoint = serving.MakeEndpoint();
  ASSERT_TRUE(endpoint->Swap(serving.Model(1)).ok());
  const auto version = endpoint->Pin();
  const auto event = serving.Event(1, 10, 7, 9.5);
  ASSERT_TRUE(version->Learn(event, 1).ok());
  ASSERT_TRUE(version->Learn(event, 1).ok());
  EXPECT_EQ(serving.Count(7, 11), 1);
  // Scored again, it is still one event; the next one is the second.
  EXPECT_EQ(version->ScoreEvents(event, 1)->features[1], 1.0);
  const auto scores = version->ScoreEvents(serving.Event(2, 11, 7, 1), 1);
  ASSERT_TRUE(scores.ok());
  EXPECT_EQ(scores->features[1], 2.0);
  EXPECT_EQ(scores->predictions[0], 1.75F);
}

TEST(Endpoint, ScoresABatchAsIfEachEventCameAlone) {
  Serving serving;
  const auto endpoint = serving.MakeEndpoint();
  ASSERT_TRUE(endpoint->Swap(serving.Model(3)).ok());
  auto cells = serving.Event(1, 10, 7, 1);
  const auto second = serving.Event(2, 11, 7, 2);
  cells.insert(cells.end(), second.begin(), second.end());
  const auto scores = endpoint->Pin()->ScoreEvents(cells, 2);
  ASSERT_TRUE(scores.ok());
  EXPECT_EQ(scores->features, (std::vector<double>{1, 1, 2, 1}));
}

TEST(Endpoint, KeepsServingTheOldVersionWhenTheNewOneIsRefused) {
  Serving serving;
  const auto endpoint = serving.MakeEndpoint();
  ASSERT_TRUE(endpoint->Swap(serving.Model(1)).ok());
  // No FeatureService, but the endpoint learns events.
  const auto bare = LoadedModel::Create("fraud", 2, testing::StepModel(2, 0, 1, 0, 1), nullptr, {});
  ASSERT_TRUE(bare.ok());
  const Status refused = endpoint->Swap(*bare);
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.message().find("scores no events"), std::string::npos) << refused.message();
  EXPECT_EQ(endpoint->Pin()->model().version(), 1);
}

TEST(Endpoint, RefusesAPlanThatTheModelDoesNotFit) {
  Serving serving;
  const auto plan = serving.Model(1)->plan();
  const auto wrong = LoadedModel::Create("fraud", 2, testing::StepModel(3, 0, 1, 0, 1), plan, {});
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("has 3 features, its FeatureService 'fraud-input' gives 2"),
            std::string::npos)
      << wrong.status().message();
}

TEST(Endpoint, PredictsFromTensorsWithoutOnlineState) {
  const auto model = LoadedModel::Create("plain", 1, testing::StepModel(2, 0, 1, 10, 20), nullptr, {});
  ASSERT_TRUE(model.ok());
  const auto endpoint = Endpoint::Create({.name = "plain"});
  ASSERT_TRUE(endpoint.ok());
  ASSERT_TRUE((*endpoint)->Swap(*model).ok());
  const auto version = (*endpoint)->Pin();
  const std::vector<float> rows = {0, 0, 1, 0};
  EXPECT_EQ(version->PredictFeatures(rows, 2)->predictions, (std::vector<float>{10, 20}));
  EXPECT_FALSE(version->PredictFeatures(rows, 3).ok());
  EXPECT_EQ(version->ScoreEvents({}, 0).status().code(), Code::kUnimplemented);
}

// 100 swaps under load: every request is answered, and all of its answer comes
// from one version.
TEST(Endpoint, FailsNoRequestWhileVersionsAreSwapped) {
  Serving serving;
  EndpointSet endpoints;
  endpoints.Put(serving.MakeEndpoint());
  ASSERT_TRUE(endpoints.Find("default", "fraud")->Swap(serving.Model(1)).ok());
  std::atomic<bool> done{false};
  std::atomic<int64_t> answered{0};
  std::vector<std::thread> clients;
  for (int64_t client = 0; client < 3; ++client) {
    clients.emplace_back([&, client] {
      for (int64_t i = 0; !done.load(std::memory_order_relaxed); ++i) {
        const auto version = endpoints.Find("default", "fraud")->Pin();
        ASSERT_NE(version, nullptr);
        const auto event = serving.Event(client * 1'000'000 + i, i % 60, client, 1);
        const auto scores = version->ScoreEvents(event, 1);
        ASSERT_TRUE(scores.ok()) << scores.status().ToString();
        ASSERT_EQ(static_cast<int64_t>(scores->predictions[0]), version->model().version());
        ASSERT_TRUE(version->Learn(event, 1).ok());
        ++answered;
      }
    });
  }
  for (int64_t n = 2; n <= 101; ++n) {
    ASSERT_TRUE(endpoints.Find("default", "fraud")->Swap(serving.Model(n)).ok());
    // Each version serves for a while.
    const int64_t before = answered.load();
    while (answered.load() == before) std::this_thread::yield();
  }
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(endpoints.Find("default", "fraud")->Pin()->model().version(), 101);
}

TEST(EndpointSet, FindsByProjectAndName) {
  EndpointSet endpoints;
  endpoints.Put(Endpoint::Create({.project = "shop", .name = "fraud"}).value());
  endpoints.Put(Endpoint::Create({.project = "default", .name = "churn"}).value());
  EXPECT_EQ(endpoints.Find("default", "fraud"), nullptr);
  EXPECT_EQ(endpoints.Find("shop", "fraud")->name(), "fraud");
  ASSERT_EQ(endpoints.List().size(), 2U);
  EXPECT_EQ(endpoints.List()[0]->name(), "churn");
  EXPECT_TRUE(endpoints.Remove("shop", "fraud"));
  EXPECT_FALSE(endpoints.Remove("shop", "fraud"));
  EXPECT_EQ(endpoints.Find("shop", "fraud"), nullptr);
}

}  // namespace
}  // namespace millrace::inference
