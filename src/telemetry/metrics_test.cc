#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

namespace millrace::telemetry {
namespace {

TEST(Metrics, ExposesCountersGaugesAndHistogramsInPrometheusText) {
  Metrics metrics;
  metrics.GetCounter("m_rows_total", "Rows read.", {{"source", "tx"}}).Add(3);
  metrics.GetGauge("m_bytes", "State.").Set(1.5);
  const double bounds[] = {0.1, 1};
  Histogram& seconds = metrics.GetHistogram("m_seconds", "Latency.", {{"route", "/x"}}, bounds);
  seconds.Observe(0.1);  // a bound belongs to its bucket
  seconds.Observe(0.5);
  seconds.Observe(7);
  EXPECT_EQ(metrics.Expose(),
            "# HELP m_bytes State.\n# TYPE m_bytes gauge\nm_bytes 1.5\n"
            "# HELP m_rows_total Rows read.\n# TYPE m_rows_total counter\nm_rows_total{source=\"tx\"} 3\n"
            "# HELP m_seconds Latency.\n# TYPE m_seconds histogram\n"
            "m_seconds_bucket{route=\"/x\",le=\"0.1\"} 1\n"
            "m_seconds_bucket{route=\"/x\",le=\"1\"} 2\n"
            "m_seconds_bucket{route=\"/x\",le=\"+Inf\"} 3\n"
            "m_seconds_sum{route=\"/x\"} 7.6\n"
            "m_seconds_count{route=\"/x\"} 3\n");
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.GetCounter("m_total", "Help\nwith \\.", {{"a", "say \"hi\"\n\\"}}).Add();
  EXPECT_NE(metrics.Expose().find("m_total{a=\"say \\\"hi\\\"\\n\\\\\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.Expose().find("# HELP m_total Help\\nwith \\\\.\n"), std::string::npos);
}

TEST(Metrics, TheSameLabelsAreTheSameSeries) {
  Metrics metrics;
  Counter& one = metrics.GetCounter("m_total", "", {{"a", "1"}});
  EXPECT_EQ(&one, &metrics.GetCounter("m_total", "", {{"a", "1"}}));
  EXPECT_NE(&one, &metrics.GetCounter("m_total", "", {{"a", "2"}}));
}

TEST(Metrics, LabelsWithoutEndFoldIntoOther) {
  Metrics metrics;
  for (size_t i = 0; i < Metrics::kMaxSeries + 500; ++i) {
    metrics.GetCounter("m_total", "", {{"path", std::to_string(i)}}).Add();
  }
  std::string text = metrics.Expose();
  EXPECT_NE(text.find("m_total{path=\"other\"} 500\n"), std::string::npos);
  EXPECT_EQ(text.find("{path=\"1200\"}"), std::string::npos);
}

TEST(Metrics, AGaugeFunctionIsAskedAtExposition) {
  Metrics metrics;
  double value = 1;
  metrics.SetGaugeFunction("m_queue", "", {}, [&] { return value; });
  value = 42;
  EXPECT_NE(metrics.Expose().find("m_queue 42\n"), std::string::npos);
  metrics.RemoveGaugeFunction("m_queue", {});
  EXPECT_EQ(metrics.Expose(), "");
}

TEST(Metrics, NothingIsLostBetweenThreads) {
  Metrics metrics;
  Counter& counter = metrics.GetCounter("m_total", "");
  Gauge& gauge = metrics.GetGauge("m_gauge", "");
  Histogram& histogram = metrics.GetHistogram("m_seconds", "");
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counter.Add();
        gauge.Add(0.5);
        histogram.Observe(std::chrono::microseconds(30));
        metrics.GetCounter("m_labelled_total", "", {{"i", std::to_string(i % 10)}}).Add();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Value(), 12000U);
  EXPECT_EQ(gauge.Value(), 6000.0);
  Histogram::Snapshot read = histogram.Read();
  EXPECT_EQ(read.cumulative.back(), 12000U);
  EXPECT_DOUBLE_EQ(read.sum, 0.36);
}

TEST(Metrics, OddObservationsDoNoHarm) {
  Metrics metrics;
  Histogram& histogram = metrics.GetHistogram("m_seconds", "");
  histogram.Observe(std::numeric_limits<double>::quiet_NaN());
  histogram.Observe(std::numeric_limits<double>::infinity());
  histogram.Observe(-1.0);
  EXPECT_EQ(histogram.Read().cumulative.back(), 2U);
  metrics.GetGauge("m_gauge", "").Set(std::numeric_limits<double>::quiet_NaN());
  EXPECT_NE(metrics.Expose().find("m_gauge NaN\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace::telemetry
