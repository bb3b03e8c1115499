// What is scored is an event, too: handing it to the online state once its
// answer is on the way.
#pragma once

#include <functional>

#include "api/oip/request_rows.h"
#include "inference/endpoint.h"

namespace millrace::oip {

// Copies the events (their text borrows from the request) and keeps the version
// until the function is gone. The function fails silently but for the log.
std::function<void()> LearnLater(inference::ServingVersionPtr version, const EventRows& events);

}  // namespace millrace::oip
