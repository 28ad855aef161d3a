#include "proxy/tracing/collector_connection.h"

#include <curl/curl.h>

#include <algorithm>
#include <new>
#include <utility>

namespace weir::proxy {

namespace {

/// Of an answer, no more is kept.
constexpr std::size_t kMostBody = 64 << 10;

std::size_t keep_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  body.append(data, std::min(size * count, kMostBody - body.size()));
  return size * count;
}

}  // namespace

struct CollectorConnection::Handles {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::string request;
  std::string answer;
  char error[CURL_ERROR_SIZE] = {};

  /// Null only where there is no memory.
  void add_header(const std::string& line) {
    auto* longer = curl_slist_append(headers, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers = longer;
  }
};

CollectorConnection::CollectorConnection(const Options& options) : handles_(std::make_unique<Handles>()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  auto& h = *handles_;
  h.multi = curl_multi_init();
  h.easy = curl_easy_init();
  if (h.multi == nullptr || h.easy == nullptr) throw std::bad_alloc();
  h.add_header("Content-Type: application/json");
  h.add_header("Expect:");  // no waiting for "100 Continue"
  for (const auto& line : options.headers) h.add_header(line);
  curl_easy_setopt(h.easy, CURLOPT_URL, options.url.c_str());
  curl_easy_setopt(h.easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h.easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h.easy, CURLOPT_POST, 1L);
  curl_easy_setopt(h.easy, CURLOPT_HTTPHEADER, h.headers);
  curl_easy_setopt(h.easy, CURLOPT_USERAGENT, options.agent.c_str());
  curl_easy_setopt(h.easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(h.easy, CURLOPT_WRITEFUNCTION, keep_body);
  curl_easy_setopt(h.easy, CURLOPT_WRITEDATA, &h.answer);
  curl_easy_setopt(h.easy, CURLOPT_ERRORBUFFER, h.error);
}

CollectorConnection::~CollectorConnection() {
  curl_multi_remove_handle(handles_->multi, handles_->easy);
  curl_easy_cleanup(handles_->easy);
  curl_multi_cleanup(handles_->multi);
  curl_slist_free_all(handles_->headers);
  curl_global_cleanup();
}

void CollectorConnection::post(std::string body) {
  auto& h = *handles_;
  h.request = std::move(body);
  h.answer.clear();
  h.error[0] = '\0';
  curl_easy_setopt(h.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(h.request.size()));
  curl_easy_setopt(h.easy, CURLOPT_POSTFIELDS, h.request.c_str());
  curl_multi_add_handle(h.multi, h.easy);
}

std::optional<CollectorAnswer> CollectorConnection::wait(std::chrono::milliseconds at_most) {
  auto& h = *handles_;
  int running = 0;
  curl_multi_perform(h.multi, &running);
  int left = 0;
  auto* message = curl_multi_info_read(h.multi, &left);
  if (message == nullptr) {
    curl_multi_poll(h.multi, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
    curl_multi_perform(h.multi, &running);
    message = curl_multi_info_read(h.multi, &left);
  }
  if (message == nullptr || message->msg != CURLMSG_DONE) return std::nullopt;
  const auto result = message->data.result;
  CollectorAnswer answer;
  if (result == CURLE_OK) {
    long status = 0;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(h.easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h.easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer.status = static_cast<int>(status);
    if (retry_after > 0) answer.retry_after = std::chrono::seconds(retry_after);
    answer.body = std::move(h.answer);
  } else {
    answer.error = h.error[0] != '\0' ? h.error : curl_easy_strerror(result);
  }
  curl_multi_remove_handle(h.multi, h.easy);
  return answer;
}

void CollectorConnection::wake() {
  curl_multi_wakeup(handles_->multi);
}

}  // namespace weir::proxy
