//! Total parsers and writers of foreign bytes.
