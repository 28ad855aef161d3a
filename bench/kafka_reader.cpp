#include "bench/kafka_reader.h"

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>

namespace weir::bench {

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "kafka: %s\n", what.c_str());
  std::exit(1);
}

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
}

}  // namespace

KafkaReader::KafkaReader(const std::string& brokers, const std::string& topic) {
  auto* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "group.id", "weir-bench");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "allow.auto.create.topics", "true");
  set(conf, "topic.metadata.refresh.interval.ms", "200");
  set(conf, "topic.metadata.refresh.fast.interval.ms", "100");
  set(conf, "socket.nagle.disable", "true");
  char error[512];
  consumer_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
  if (!consumer_) fail(error);
  rd_kafka_poll_set_consumer(consumer_);
  auto* partitions = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(partitions, topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  const auto assigned = rd_kafka_assign(consumer_, partitions);
  rd_kafka_topic_partition_list_destroy(partitions);
  if (assigned) fail(rd_kafka_err2str(assigned));
}

KafkaReader::~KafkaReader() {
  rd_kafka_consumer_close(consumer_);
  rd_kafka_destroy(consumer_);
}

bool KafkaReader::read(int at_most_ms, const std::function<void(std::string_view)>& take) {
  auto* message = rd_kafka_consumer_poll(consumer_, at_most_ms);
  if (!message) return false;
  const bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;  // else: the topic is not there yet, and the like
  if (is_record) take({static_cast<const char*>(message->payload), message->len});
  rd_kafka_message_destroy(message);
  return is_record;
}

}  // namespace weir::bench
