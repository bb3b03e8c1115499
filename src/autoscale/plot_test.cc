#include "autoscale/plot.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"

namespace millrace::autoscale {
namespace {

using std::chrono::hours;

Trace Day() {
  Trace trace;
  trace.name = "a <day> & night";
  trace.intervals.push_back({Micros(0), 1, 0});
  trace.duration = hours(24);
  return trace;
}

SimulationResult Result(const char* policy, double replicas) {
  SimulationResult result;
  result.policy = policy;
  for (int h = 0; h < 24; ++h) {
    const bool night = h < 6;
    result.series.push_back(
        {hours(h), night ? 0 : 100.0 + h, night ? 0 : replicas, 0, night ? 0 : 12.5 * h, 0});
  }
  return result;
}

TEST(Plot, DrawsLinesOfBlocks) {
  const std::vector<SimulationResult> results = {Result("hpa", 4), Result("kpa", 8)};
  const std::string text = TextPlot(Day(), results, 54);
  EXPECT_EQ(text,
            "requests/s           ▇▇█████████████████ ≤ 123\n"
            "hpa replicas         ███████████████████ ≤ 4\n"
            "hpa p99              ▇▇▇▇▇▇█████████████ ≤ 288 ms\n"
            "kpa replicas         ███████████████████ ≤ 8\n"
            "kpa p99              ▇▇▇▇▇▇█████████████ ≤ 288 ms\n"
            "              00:00 06:00  12:00 18:00   24:00\n");
}

TEST(Plot, IsWholeSvg) {
  const std::vector<SimulationResult> results = {Result("hpa", 4), Result("kpa", 8)};
  const std::string svg = SvgPlot(Day(), results);
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a &lt;day&gt; &amp; night"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  size_t paths = 0;
  for (size_t at = svg.find("<path"); at != std::string::npos; at = svg.find("<path", at + 1)) ++paths;
  EXPECT_EQ(paths, 5u) << "the traffic once, replicas and p99 of each";
}

TEST(Plot, DrawsNothingWithoutBreaking) {
  EXPECT_EQ(TextPlot(Day(), {}, 80), "");
  const std::vector<SimulationResult> empty = {SimulationResult{}};
  for (const std::string& picture : {SvgPlot(Day(), {}), SvgPlot(Day(), empty), TextPlot(Day(), empty, 1)}) {
    EXPECT_EQ(picture.find("nan"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::autoscale
