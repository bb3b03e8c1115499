#include "kube/internal/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <vector>

#include "base/json.h"
#include "base/text.h"

namespace millrace::kube::internal {
namespace {

constexpr size_t kMaxBytes = size_t{4} << 20;
constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxValues = 100'000;

// Leaves yaml-cpp's parser from within an event; caught below.
struct Abort {
  YAML::Mark mark;
  std::string message;
};

class Builder : public YAML::EventHandler {
 public:
  Json Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(mark, Json()); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Abort{mark, "aliases (*name) are not allowed here; write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& text) override {
    if (!AtKey()) return Add(mark, Json(text));
    Frame& frame = frames_.back();
    if (frame.value.contains(text)) throw Abort{mark, fmt::format("the key '{}' stands twice", text)};
    frame.key = text;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, Json::array());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, Json::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Json value;
    std::optional<std::string> key;
  };

  bool AtKey() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().key; }
  void Count(const YAML::Mark& mark) {
    if (AtKey()) throw Abort{mark, "a key must be a text"};
    if (++values_ > kMaxValues) throw Abort{mark, fmt::format("it has more than {} values", kMaxValues)};
  }
  void Open(const YAML::Mark& mark, Json value) {
    Count(mark);
    if (frames_.size() >= kMaxDepth)
      throw Abort{mark, fmt::format("it nests deeper than {} levels", kMaxDepth)};
    frames_.push_back({std::move(value), std::nullopt});
  }
  void Close() {
    Json value = std::move(frames_.back().value);
    frames_.pop_back();
    Attach(std::move(value));
  }
  void Add(const YAML::Mark& mark, Json value) {
    Count(mark);
    Attach(std::move(value));
  }
  void Attach(Json value) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
      return;
    }
    frame.value[*frame.key] = std::move(value);
    frame.key.reset();
  }

  Json root_;
  std::vector<Frame> frames_;
  size_t values_ = 0;
};

Status At(const std::string& file, const YAML::Mark& mark, const std::string& message) {
  return InvalidArgument("{}:{}:{}: not valid YAML: {}", file, mark.line + 1, mark.column + 1, message);
}

}  // namespace

Result<Json> ParseYamlStrings(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) {
    return InvalidArgument("{} has {} bytes; at most {} are allowed", file, text.size(), kMaxBytes);
  }
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return InvalidArgument("{} is not UTF-8 text", file);
  }
  Builder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return Json();
  } catch (const Abort& abort) {
    return At(file, abort.mark, abort.message);
  } catch (const YAML::Exception& error) {
    return At(file, error.mark, error.msg);
  } catch (const std::exception& error) {
    return InvalidArgument("{}: not valid YAML: {}", file, error.what());
  }
  return builder.Take();
}

}  // namespace millrace::kube::internal
