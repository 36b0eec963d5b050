//! Tables and forms.
