#include "base/clock.h"

namespace millrace {
namespace {

class RealClock : public Clock {
 public:
  EventTime Now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return EventTime{std::chrono::duration_cast<Micros>(since).count()};
  }
  std::chrono::steady_clock::time_point Steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace millrace
