# The bootstrap of C on known rows, calibration by groups, slope and level, and decision curves.
# The seeded runs of rms (validate, calibrate, val.surv) are second opinions and not made again.

# Net benefit of Vickers et al. 2008 (10.1186/1472-6947-8-53) from its formula, as dcurves gives it
# where `extend` is FALSE: nothing where the positive are not followed to the horizon.
net_benefit <- function(d, risk, u, thresholds, extend) {
  rows <- lapply(thresholds, function(t) {
    positive <- risk >= t
    if (!any(positive)) return(c(0, 0))
    share <- mean(positive)
    if (!extend && max(d$time[positive]) < u) return(c(NA, NA))
    alive <- summary(survfit(Surv(time, event) ~ 1, d[positive, ]), times = u, extend = TRUE)$surv
    c(share * (1 - alive), share * alive)
  })
  tp <- sapply(rows, `[`, 1); fp <- sapply(rows, `[`, 2)
  list(threshold = thresholds, net_benefit = tp - thresholds / (1 - thresholds) * fp,
       tp_rate = tp, fp_rate = fp)
}

known_rows <- function(folder, asked, d, formula) {
  path <- file.path(folder, sub(" .*", "", asked$index_file))
  if (!file.exists(path)) path <- paste0(path, ".gz")
  index <- as.matrix(read.csv(path, header = FALSE))
  c_of <- function(fit, on)
    concordance(Surv(on$time, on$event) ~ predict(fit, newdata = on, type = "lp"),
                reverse = TRUE)$concordance
  pairs <- apply(index, 1, function(rows) {
    fit <- coxph(formula, d[rows, ])
    c(c_of(fit, d[rows, ]), c_of(fit, d))
  })
  apparent <- c_of(coxph(formula, d), d)
  optimism <- mean(pairs[1, ] - pairs[2, ])
  list(index_file = asked$index_file, C_apparent = apparent, C_train = pairs[1, ],
       C_test = pairs[2, ], optimism = optimism, C_corrected = apparent - optimism)
}

groups_of <- function(d, risk, u, n) {
  cuts <- unique(quantile(risk, seq(0, 1, length.out = n + 1)))
  group <- cut(risk, cuts, include.lowest = TRUE, labels = FALSE)
  lapply(sort(unique(group)), function(k) {
    s <- summary(survfit(Surv(time, event) ~ 1, d[group == k, ]), times = u, extend = TRUE)
    list(group = k, n = sum(group == k), mean_pred_surv = mean(1 - risk[group == k]),
         km_surv = s$surv, km_se = s$std.err, lower = s$lower, upper = s$upper)
  })
}

slope <- function(d, marker) {
  fit <- coxph(Surv(d$time, d$event) ~ d[[marker]])
  list(slope = unname(coef(fit)), se = sqrt(vcov(fit)[1, 1]))
}

answer <- function(folder, set, asked) {
  d <- read_input(folder, set); u <- asked$u
  formula <- as.formula(paste(unlist(asked$formula), collapse = ""))
  risks <- list(model = d[[paste0("risk_", u)]], single = d[[paste0("risk2_", u)]])
  observed <- 1 - summary(survfit(Surv(time, event) ~ 1, d), times = u, extend = TRUE)$surv
  predicted <- mean(risks$model)
  thresholds <- unlist(asked$decision_curve$thresholds)
  all <- rep(1, nrow(d))
  benefit <- function(risk) net_benefit(d, risk, u, thresholds, TRUE)$net_benefit
  finer <- unlist(asked$dcurves_dca$all$threshold)
  nobody <- net_benefit(d, all * -1, u, finer, FALSE)
  list(dataset = set, input = asked$input, quantity = "validation",
       meta = versions(c("survival")), formula = asked$formula, u = u,
       bootstrap_known_indices = known_rows(folder, asked$bootstrap_known_indices, d, formula),
       calibration_groups = groups_of(d, risks$model, u, length(asked$calibration_groups)),
       calibration_slope = slope(d, "mk_lp"),
       calibration_slope_even_rows_single = slope(d[seq(2, nrow(d), 2), ], "mk_single"),
       observed_expected = list(observed = observed, mean_predicted = predicted,
                                oe = observed / predicted),
       decision_curve = list(thresholds = thresholds, model = benefit(risks$model),
                             single = benefit(risks$single), treat_all = benefit(all)),
       dcurves_dca = list(all = net_benefit(d, all, u, finer, FALSE), none = nobody,
                          model = net_benefit(d, risks$model, u, finer, FALSE),
                          single = net_benefit(d, risks$single, u, finer, FALSE)))
}
