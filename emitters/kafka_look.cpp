#include "emitters/kafka_look.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>

#include "emitters/kafka_handles.h"
#include "emitters/kafka_settings.h"

namespace weir::emitters {
namespace {

using namespace kafka;  // NOLINT(google-build-using-namespace): its handles, and nothing else
using Look = DestinationKind::Look;
using std::chrono::milliseconds;

constexpr std::size_t most_named = 5;
/// One request asks for so many.
constexpr std::size_t most_asked = 500;

/// "a, b and 7 more".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most_named); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most_named) text += " and " + std::to_string(names.size() - most_named) + " more";
  return text;
}

std::string counted_topics(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " topic" : " topics");
}

class KafkaLook {
 public:
  KafkaLook(const KafkaOptions& options, milliseconds patience) : options_(options), patience_(patience) {}

  std::vector<Look> run(const std::vector<std::string>& topics) {
    if (auto connected = connect(); !connected) return {{Look::Is::bad, connected.error().message}};
    if (ask_metadata()) look_at_topics(topics);
    return std::move(looks_);
  }

 private:
  Result<void> connect() {
    auto settings = kafka_settings(options_.properties);
    if (!settings) return settings.error();
    settings_ = std::move(*settings);
    Conf conf(rd_kafka_conf_new());
    std::array<char, 512> text{};
    settings_.properties.emplace_back("bootstrap.servers", options_.brokers);
    for (const auto& [property, value] : settings_.properties) {
      if (rd_kafka_conf_set(conf.get(), property.c_str(), value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK)
        return Error{"kafka property \"" + property + "\": " + text.data(), ""};
    }
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size()));
    if (!client_) return Error{std::string(text.data()), ""};
    static_cast<void>(conf.release());  // the client owns it now
    events_.reset(rd_kafka_queue_get_main(client_.get()));
    rd_kafka_set_log_queue(client_.get(), nullptr);
    return {};
  }

  /// What went wrong on the way says more than that the time was over.
  std::string trouble() {
    std::string last;
    while (const Event event{rd_kafka_queue_poll(events_.get(), 0)}) {
      const bool whole = rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
      if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR && (last.empty() || !whole))
        last = rd_kafka_event_error_string(event.get());
    }
    return last;
  }

  bool ask_metadata() {
    const rd_kafka_metadata_t* answer = nullptr;
    const auto error = rd_kafka_metadata(client_.get(), 1, nullptr, &answer, static_cast<int>(patience_.count()));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const auto why = trouble();
      looks_.push_back({Look::Is::bad, why.empty() ? rd_kafka_err2str(error) : why});
      return false;
    }
    for (int i = 0; i < answer->topic_cnt; ++i) there_[answer->topics[i].topic] = answer->topics[i].err;
    looks_.push_back({Look::Is::good, std::to_string(answer->broker_cnt) +
                                          (answer->broker_cnt == 1 ? " broker answers" : " brokers answer")});
    rd_kafka_metadata_destroy(answer);
    return true;
  }

  void look_at_topics(const std::vector<std::string>& topics) {
    std::set<std::string> wanted;
    for (const auto& topic : topics) wanted.insert(kafka_topic_name(topic));
    std::vector<std::string> missing;
    std::size_t there = 0;
    for (const auto& topic : wanted) {
      const auto found = there_.find(topic);
      if (found == there_.end()) {
        missing.push_back(topic);
      } else if (found->second != RD_KAFKA_RESP_ERR_NO_ERROR) {
        looks_.push_back({Look::Is::bad, "topic " + topic + ": " + rd_kafka_err2str(found->second)});
      } else {
        ++there;
      }
    }
    if (there > 0) looks_.push_back({Look::Is::good, counted_topics(there) + " there already"});
    if (missing.empty()) return;
    if (!settings_.create_topics) {
      looks_.push_back({Look::Is::doubtful, counted_topics(missing.size()) + " not there, and topic.create is false: " +
                                                listed(missing) + "; create them, or let the broker do it"});
      return;
    }
    missing.resize(std::min(missing.size(), most_asked));
    may_be_made(missing);
  }

  /// Asks, without making them.
  void may_be_made(const std::vector<std::string>& topics) {
    std::vector<NewTopic> made;
    std::vector<rd_kafka_NewTopic_t*> pointers;
    for (const auto& topic : topics) {
      made.emplace_back(
          rd_kafka_NewTopic_new(topic.c_str(), settings_.topic_partitions, settings_.topic_replication, nullptr, 0));
      pointers.push_back(made.back().get());
    }
    const AdminOptions options(rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
    rd_kafka_AdminOptions_set_validate_only(options.get(), 1, nullptr, 0);
    rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(patience_.count()), nullptr, 0);
    const Queue answers(rd_kafka_queue_new(client_.get()));
    rd_kafka_CreateTopics(client_.get(), pointers.data(), pointers.size(), options.get(), answers.get());
    const Event event{rd_kafka_queue_poll(answers.get(), static_cast<int>(patience_.count()) + 1'000)};
    if (!event) return void(looks_.push_back({Look::Is::doubtful, "whether topics may be made was not answered"}));
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return void(looks_.push_back({Look::Is::doubtful, std::string("whether topics may be made is not known: ") +
                                                            rd_kafka_event_error_string(event.get())}));
    judge(*event);
  }

  void judge(rd_kafka_event_t& event) {
    std::size_t count = 0;
    const auto** answers = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(&event), &count);
    std::map<std::string, std::vector<std::string>> refused;  // why, and which
    std::size_t allowed = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto error = rd_kafka_topic_result_error(answers[i]);
      const char* text = rd_kafka_topic_result_error_string(answers[i]);
      const bool good = error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
      if (good) ++allowed;
      if (!good)
        refused[text != nullptr ? text : rd_kafka_err2str(error)].emplace_back(rd_kafka_topic_result_name(answers[i]));
    }
    if (allowed > 0) looks_.push_back({Look::Is::good, counted_topics(allowed) + " will be made"});
    for (const auto& [why, names] : refused)
      looks_.push_back({Look::Is::doubtful, counted_topics(names.size()) + " not there and could not be made: " + why +
                                                " (" + listed(names) + ")"});
  }

  const KafkaOptions& options_;
  const milliseconds patience_;
  KafkaSettings settings_;
  Client client_;
  Queue events_;
  std::map<std::string, rd_kafka_resp_err_t> there_;
  std::vector<Look> looks_;
};

}  // namespace

std::vector<Look> look_at_kafka(const KafkaOptions& options, const std::vector<std::string>& topics,
                                milliseconds patience) {
  return KafkaLook(options, patience).run(topics);
}

}  // namespace weir::emitters
