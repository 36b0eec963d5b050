//! MQTT between agent and controller.
