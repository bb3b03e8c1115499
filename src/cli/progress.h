// What `millrace up` tells while the controllers work: a line for each resource
// whose condition changes, and a live line for what runs.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cli/platform.h"
#include "cli/terminal.h"
#include "resource/resource.h"

namespace millrace::cli {

// How a set of resources stands, seen as one.
struct Overview {
  size_t ready = 0;
  size_t total = 0;
  std::string failure;  // a resource that will not become ready by itself, with its sentence
};

// Pure. A condition that was judged on an older generation counts as not ready.
Overview Summarise(const std::vector<resource::Resource>& resources);

class Progress {
 public:
  explicit Progress(Platform& platform) : platform_(platform) {}

  // Looks at everything once; call it several times a second.
  void Tick();
  const Overview& overview() const { return overview_; }
  // A line that stays, above the live one.
  void Say(const std::string& text) { line_.Say(text); }
  void Clear() { line_.Clear(); }

 private:
  void SayChanges(const std::vector<resource::Resource>& resources);

  Platform& platform_;
  LiveLine line_;
  Overview overview_;
  std::map<resource::ResourceKey, std::string> said_;  // the reason that was said last
};

}  // namespace millrace::cli
