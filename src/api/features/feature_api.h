// Features over HTTP: events in, features out.
//
//   POST …/namespaces/P/datasources/S/push       one event, a list, {"events": […]} or {"df": {…}}
//        → {"accepted": 2, "joined": 0, "duplicates": 0, "refused": 1, "reasons": [{"row": 1, "reason": "…",
//        "event": "…"}]}
//   POST …/namespaces/P/featureviews/V/get       {"keys": {"customer_id": 1} or a list, "time":
//   "2018-07-25T00:00:00Z"} POST …/namespaces/P/featureservices/S/get    {"rows": [{"customer_id": 1, …}, …]}
//        → {"names": [...], "types": [...], "rows": [{"values": [...], "statuses": ["PRESENT", …], "time":
//        …}]}
//
// A push is answered when its events are on disk, and so are its rows that cannot be
// used: each is counted, kept for the dead-letter table, and stops nothing else. When
// the online log is at its limit a push is refused as a whole, with 503. int64 values that
// a double does not hold exactly are JSON integers all the same; NaN and
// infinities are the texts "NaN", "Infinity", "-Infinity". Thread safe.
#pragma once

#include <functional>
#include <string>

#include "api/http/router.h"
#include "feature/online_store.h"
#include "resource/store.h"
#include "telemetry/metrics.h"

namespace millrace::api {

struct FeatureApiOptions {
  resource::ResourceStore& store;  // these outlive the router
  feature::OnlineStore& online;
  telemetry::Metrics& metrics;
  // The compiled plan of a FeatureService, as its controller last made it.
  std::function<Result<feature::ServicePlanPtr>(const std::string& project, const std::string& service)>
      service_plan;
};

void AddFeatureRoutes(http::Router& router, FeatureApiOptions options);

}  // namespace millrace::api
