// WatchStream: a resource::Watch as the lines of a chunked response,
//   {"type":"ADDED","object":{…}}
// ended by its time, by the store, or when the caller may no longer read.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "api/http/response.h"
#include "base/clock.h"
#include "resource/kind.h"
#include "resource/watch.h"
#include "security/authorizer.h"

namespace millrace::api {

// Whether somebody may (still) do something: follows changes of tokens and grants.
class LiveCaller {
 public:
  LiveCaller(const security::Access& access, std::string_view authorization);
  // False when the token is no longer good. Call before Allows.
  bool Refresh();
  bool Allows(security::Permission permission, std::string_view project) const;
  bool AllowsSomewhere(security::Permission permission) const;

 private:
  const security::Access& access_;
  std::string authorization_;
  uint64_t generation_ = 0;
  security::Identity identity_;
  std::shared_ptr<const security::Grants> grants_;
};

class WatchStream : public http::BodyStream {
 public:
  struct Options {
    std::shared_ptr<resource::Watch> watch;  // shared with the store, which feeds it
    const resource::Kind* kind = nullptr;
    std::string project;  // "" for all: each event is filtered
    bool bookmarks = false;
    bool table = false;
    std::chrono::seconds timeout{3600};
  };
  WatchStream(Options options, LiveCaller caller, const Clock& clock);
  ~WatchStream() override;

  Chunk Next() override;
  void OnNews(std::function<void()> wake) override;
  std::chrono::milliseconds PollInterval() const override { return std::chrono::seconds(1); }

 private:
  bool MayRead();
  void Append(std::string& out, const resource::WatchEvent& event);

  Options options_;
  LiveCaller caller_;
  const Clock& clock_;
  std::chrono::steady_clock::time_point end_;
  std::chrono::steady_clock::time_point next_bookmark_;
  bool first_table_ = true;
  std::function<void()> wake_;
};

}  // namespace millrace::api
