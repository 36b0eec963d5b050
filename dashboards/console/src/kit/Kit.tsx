// The component library with our tokens, language and theme. Only lazily loaded rooms may import it.

import { ConfigProvider, theme } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import type { ReactNode } from "react";
import { useTheme } from "../frame/theme.ts";
import { useLang } from "../words/index.ts";
import "dayjs/locale/zh-cn";
import dayjs from "dayjs";
import "./kit.css";

const FONT = '"Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

const light = {
  colorPrimary: "#0b57d0",
  colorText: "#1f2933",
  colorTextSecondary: "#55616d",
  colorTextDescription: "#5d6770",
  colorTextPlaceholder: "#66707a",
  colorTextDisabled: "#55616d",
  colorBorder: "#8a949c",
  colorBorderSecondary: "#d5dade",
  colorError: "#c62828",
  colorWarning: "#944c00",
  colorSuccess: "#4b5b66",
  colorBgLayout: "#eceff1",
  colorLink: "#0b57d0",
};
const dark = {
  colorPrimary: "#5b9bff",
  colorText: "#e4e9ec",
  colorTextSecondary: "#a4b0b8",
  colorTextDescription: "#a4b0b8",
  colorTextPlaceholder: "#93a0a9",
  colorBgContainer: "#1d2327",
  colorBgElevated: "#232a2f",
  colorBgLayout: "#14181b",
  colorTextDisabled: "#a4b0b8",
  colorBorder: "#5a666e",
  colorBorderSecondary: "#343d43",
  colorError: "#ff6b60",
  colorWarning: "#ffb454",
  colorSuccess: "#9aa7af",
  colorLink: "#82b7ff",
};

/** Wraps a room that uses the library. */
export function Kit({ children }: { children: ReactNode }) {
  const lang = useLang();
  const look = useTheme();
  dayjs.locale(lang === "zh" ? "zh-cn" : "en");
  const tokens = look === "dark" ? dark : light;
  return (
    <ConfigProvider
      locale={lang === "zh" ? zhCN : enUS}
      componentSize="small"
      button={{ autoInsertSpace: false }}
      theme={{
        hashed: false,
        algorithm: look === "dark" ? theme.darkAlgorithm : theme.defaultAlgorithm,
        token: { ...tokens, fontFamily: FONT, fontSize: 13, borderRadius: 3, motion: false, wireframe: false },
        components: { Table: { cellPaddingBlockSM: 3, cellPaddingInlineSM: 8 } },
      }}
    >
      {children}
    </ConfigProvider>
  );
}
