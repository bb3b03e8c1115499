#include "api/http/internal/parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>

#include "base/status.h"

namespace millrace::http::internal {

namespace beast = boost::beast;
using beast::error_code;
using BeastError = beast::http::error;

namespace {

constexpr size_t kBodyBufferKept = 256 << 10;  // a larger body's memory goes with its request

std::string_view ToView(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// Beast's parser is not reusable, so each request has a new one, in place.
class RequestParser::Adapter {
 public:
  class Parser final : public beast::http::basic_parser<true> {
   public:
    explicit Parser(RequestParser& owner) : owner_(owner) {
      // Beast counts the request line and the headers by themselves; ours is one limit for both.
      header_limit(static_cast<std::uint32_t>(owner.limits_.max_header_bytes));
      body_limit(boost::none);  // ours depends on the route
      eager(false);
    }

   private:
    void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                         error_code& ec) override {
      owner_.method_ = ParseMethod(ToView(method));
      owner_.version_ = static_cast<unsigned>(version);
      if (target.size() > owner_.limits_.max_target_bytes) ec = BeastError::bad_target;
      owner_.target_ = owner_.Keep(ToView(target));
    }
    void on_response_impl(int, beast::string_view, int, error_code&) override {}
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       error_code& ec) override {
      if (owner_.headers_done_) return;  // a trailer: nothing here uses them
      if (owner_.fields_.size() >= owner_.limits_.max_headers ||
          owner_.text_.size() + name.size() + value.size() > owner_.limits_.max_header_bytes) {
        ec = BeastError::header_limit;
        return;
      }
      RequestParser::Span kept = owner_.Keep(ToView(name));
      owner_.fields_.emplace_back(kept, owner_.Keep(ToView(value)));
    }
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(beast::string_view bytes, error_code& ec) override { return Take(bytes, ec); }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code& ec) override {
      return Take(bytes, ec);
    }
    void on_finish_impl(error_code&) override {}

    std::size_t Take(beast::string_view bytes, error_code& ec) {
      if (bytes.size() > owner_.max_body_ - owner_.body_received_) {
        ec = BeastError::body_limit;
        return 0;
      }
      owner_.body_received_ += bytes.size();
      if (!owner_.discard_) owner_.body_.append(bytes.data(), bytes.size());
      return bytes.size();
    }

    RequestParser& owner_;
  };

  std::optional<Parser> parser;
};

RequestParser::RequestParser(Limits limits) : limits_(limits), adapter_(std::make_unique<Adapter>()) {
  Reset();
}

RequestParser::~RequestParser() = default;

void RequestParser::Reset() {
  adapter_->parser.emplace(*this);
  started_ = false;
  headers_done_ = false;
  discard_ = false;
  method_.reset();
  text_.clear();
  target_ = {0, 0};
  fields_.clear();
  headers_.clear();
  body_.clear();
  if (body_.capacity() > kBodyBufferKept) body_.shrink_to_fit();
  body_received_ = 0;
  max_body_ = 0;
  error_status_ = 0;
}

RequestParser::Span RequestParser::Keep(std::string_view text) {
  Span span{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_ += text;
  return span;
}

void RequestParser::PublishHeaders() {
  headers_.reserve(fields_.size());
  for (const auto& [name, value] : fields_) headers_.push_back({View(name), View(value)});
}

std::string_view RequestParser::target() const { return View(target_); }

std::optional<uint64_t> RequestParser::content_length() const {
  auto length = adapter_->parser->content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

bool RequestParser::chunked() const { return adapter_->parser->chunked(); }
bool RequestParser::keep_alive() const { return adapter_->parser->keep_alive(); }

RequestParser::Progress RequestParser::Fail(int status, std::string text) {
  error_status_ = status;
  error_text_ = std::move(text);
  return {State::kError, 0};
}

RequestParser::Progress RequestParser::FailParse(std::string_view input, int beast_error,
                                                 const std::string& what) {
  BeastError error = static_cast<BeastError>(beast_error);
  if (error == BeastError::body_limit) {
    return Fail(413, fmt::format("the body has more than {} bytes, which is this path's limit", max_body_));
  }
  bool long_target = text_.size() > limits_.max_target_bytes && fields_.empty();
  if (error == BeastError::header_limit && fields_.empty() &&
      input.substr(0, limits_.max_target_bytes).find('\n') == std::string_view::npos) {
    long_target = true;
  }
  if (long_target)
    return Fail(414, fmt::format("the request's target has more than {} bytes", limits_.max_target_bytes));
  if (error == BeastError::header_limit || error == BeastError::buffer_overflow) {
    return Fail(431, fmt::format("the headers have more than {} bytes or {} fields", limits_.max_header_bytes,
                                 limits_.max_headers));
  }
  if (error == BeastError::bad_version) return Fail(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  return Fail(400, fmt::format("this is not an HTTP/1.1 request: {}", what));
}

RequestParser::Progress RequestParser::Put(std::string_view input) {
  auto& parser = *adapter_->parser;
  if (parser.is_done()) return {State::kDone, 0};
  if (input.empty()) return {State::kNeedMore, 0};
  started_ = true;
  if (headers_done_) parser.eager(true);
  error_code ec;
  size_t used = parser.put(boost::asio::const_buffer(input.data(), input.size()), ec);
  bool need_more = ec == BeastError::need_more;
  if (ec && !need_more) {
    bool http_error = ec.category() == beast::http::make_error_code(BeastError::need_more).category();
    return FailParse(input, http_error ? ec.value() : static_cast<int>(BeastError::bad_field), ec.message());
  }
  if (!headers_done_ && parser.is_header_done()) {
    headers_done_ = true;
    PublishHeaders();
    return {State::kHeaders, used};
  }
  if (parser.is_done()) return {State::kDone, used};
  // What the parser leaves until more is there (a part of a line) has to fit the limit of headers.
  if (input.size() - used > limits_.max_header_bytes) {
    Progress failed = FailParse(input, static_cast<int>(BeastError::header_limit), "a line is too long");
    return failed;
  }
  return {State::kNeedMore, used};
}

}  // namespace millrace::http::internal
