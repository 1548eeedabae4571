"""What hospitals call the columns and codings that armwise knows. Guesses, for a draft alone."""

import re
import unicodedata

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "patient_id": (
        "patient_id", "patientid", "pat_id", "case_id", "pseudonym", "subject_id", "study_id",
        "id", "patient", "case", "subject", "number", "no", "编号", "病例号",
    ),
    "arm": ("arm", "treatment_arm", "treatment", "first_treatment", "therapy", "治疗方式", "治疗"),
    "follow_up": (
        "os", "overall_survival", "os_time", "survival_time", "survival", "follow_up",
        "followup", "follow_up_time", "time", "futime", "生存时间", "随访时间",
    ),
    "death": (
        "death", "dead", "died", "os_event", "os_status", "vital_status", "survival_status",
        "event", "status", "censor", "deceased", "死亡", "生存状态",
    ),
    "center": ("center", "centre", "hospital", "site", "institution", "中心", "医院"),
    "split": ("split", "train_test", "cohort_split", "dataset"),
    "age_years": ("age", "age_at_diagnosis", "age_at_treatment", "patient_age", "年龄"),
    "sex": ("sex", "gender", "性别"),
    "child_pugh_class": ("child_pugh_class", "child_pugh", "childpugh", "cps", "cp_class"),
    "ecog_ps": ("ecog_ps", "ecog", "performance_status", "ps"),
    "hbv_infection": ("hbv_infection", "hbv", "hbsag", "hepatitis_b", "乙肝"),
    "diabetes": ("diabetes", "dm", "diabetes_mellitus", "糖尿病"),
    "albi_grade": ("albi_grade", "albi"),
    "cirrhosis": ("cirrhosis", "liver_cirrhosis", "evidence_of_cirrhosis", "肝硬化"),
    "tumor_location": ("tumor_location", "tumour_location", "location", "lobe"),
    "bclc_stage": ("bclc_stage", "bclc", "bclc分期"),
    "fusion_lesions": ("fusion_lesions", "fusion_lesion"),
    "capsule": ("capsule", "hcc_capsule", "capsulation", "包膜"),
    "intratumoral_necrosis": ("intratumoral_necrosis", "necrosis"),
    "arterial_peritumoral_enhancement": (
        "arterial_peritumoral_enhancement", "peritumoral_enhancement",
    ),
    "tumor_number": (
        "tumor_number", "tumour_number", "number_of_tumors", "number_of_tumours",
        "number_of_lesions", "肿瘤数目",
    ),
    "tumor_diameter_cm": (
        "tumor_diameter", "tumour_diameter", "tumor_size", "tumour_size", "tumorsize", "diameter",
        "max_diameter", "maximum_diameter", "largest_diameter", "tr_size", "肿瘤直径", "肿瘤大小",
    ),
    "platelets_1e9_per_l": ("platelets", "platelet", "platelet_count", "plt", "血小板"),
    "ast_u_per_l": ("ast", "got", "asat"),
    "alt_u_per_l": ("alt", "gpt", "alat"),
    "ggt_u_per_l": ("ggt", "gamma_gt", "γ_gt"),
    "albumin_g_per_l": ("albumin", "alb", "白蛋白"),
    "bilirubin_umol_per_l": ("bilirubin", "total_bilirubin", "bili", "tbil", "tb", "总胆红素"),
    "creatinine_umol_per_l": ("creatinine", "crea", "cr", "scr", "肌酐"),
    "prothrombin_time_s": ("prothrombin_time", "protime", "pt"),
    "inr": ("inr",),
    "hcc_confirmed": ("hcc_confirmed", "confirmed_hcc"),
    "other_malignancy": ("other_malignancy", "other_cancer", "personal_history_of_cancer"),
    "prior_antitumor_treatment": ("prior_antitumor_treatment", "prior_treatment"),
    "adequate_image_quality": ("adequate_image_quality", "image_quality"),
    "days_ct_to_treatment": ("days_ct_to_treatment", "ct_to_treatment"),
}  # fmt: skip
"""By column of armwise, header texts in their compared form, the likeliest first."""

CODINGS: dict[str, tuple[str, ...]] = {
    "male": ("male", "m", "man", "男"),
    "female": ("female", "f", "w", "woman", "女"),
    "absent": (
        "absent",
        "no",
        "n",
        "negative",
        "neg",
        "none",
        "false",
        "0",
        "-",
        "无",
        "否",
        "阴性",
    ),
    "present": ("present", "yes", "y", "positive", "pos", "true", "1", "+", "有", "是", "阳性"),
    "no": ("no", "n", "false", "0", "无", "否"),
    "yes": ("yes", "y", "true", "1", "有", "是"),
    "dead": ("dead", "death", "died", "deceased", "死亡"),
    "censored": ("censored", "alive", "lost", "lost to follow-up", "存活", "失访"),
    "hepatectomy": ("hepatectomy", "resection", "surgery", "liver resection", "手术", "肝切除"),
    "tace": ("tace", "chemoembolization", "chemoembolisation", "介入"),
    "train": ("train", "training"),
    "test": ("test", "testing", "validation"),
}
"""By level, cell values in their compared form."""

UNIT_WORDS = {
    "mm": "mm", "cm": "cm", "day": "days", "days": "days", "d": "days", "week": "weeks",
    "weeks": "weeks", "month": "months", "months": "months", "mo": "months", "year": "years",
    "years": "years", "yr": "years", "yrs": "years", "g_l": "g/L", "g_dl": "g/dL",
    "g_per_l": "g/L", "mg_dl": "mg/dL", "umol_l": "µmol/L", "μmol_l": "µmol/L",
    "umol_per_l": "µmol/L", "u_l": "U/L", "iu_l": "IU/L", "u_per_l": "U/L", "s": "s", "sec": "s",
    "天": "days", "月": "months", "年": "years", "岁": "years",
}  # fmt: skip
"""The last words of a header that are a unit."""

PRIVATE = re.compile(
    r"name|phone|tel\b|address|birth|dob|mrn|passport|ssn|insurance|email|doctor|physician|comment"
    r"|note|remark|姓名|电话|地址|身份证|住院号|备注|出生"
)
"""Headers whose cells are never shown."""


def heading(text: str) -> str:
    """A header in the form in which it is compared: small letters, words joined by `_`."""
    form = unicodedata.normalize("NFKC", text).casefold().replace("µ", "μ")
    return "_".join(re.findall(r"[^\W_]+", form))


def without_unit(form: str) -> tuple[str, str]:
    """A compared header without the unit at its end, and the unit or ""."""
    words = form.split("_")
    for n in (3, 2, 1):
        ending = "_".join(words[-n:])
        if len(words) > n and ending in UNIT_WORDS:
            return "_".join(words[:-n]), UNIT_WORDS[ending]
    return form, ""
